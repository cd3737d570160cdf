package dev.aquifer.blob;

import dev.aquifer.testing.FaultyOrigin;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;

class HttpBackendTest extends BackendContract {
  private FaultyOrigin origin;

  @Override
  Backend open(Path directory) throws IOException {
    origin = FaultyOrigin.serve(directory);
    return new HttpBackend(origin.url());
  }

  @AfterEach
  void closeOrigin() throws IOException {
    origin.close();
  }
}
