package dev.aquifer.input;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.aquifer.build.SourceEntry;
import dev.aquifer.io.CorruptDataException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** Reads the JSON of container images; its messages name the place. */
final class ImageJson {
  private static final ObjectMapper JSON = new ObjectMapper();

  private ImageJson() {}

  static JsonNode parse(String where, byte[] json) throws IOException {
    try {
      JsonNode tree = JSON.readTree(json);
      if (tree != null && (tree.isObject() || tree.isArray())) {
        return tree;
      }
    } catch (JsonProcessingException e) {
      throw new CorruptDataException(
          where + ": is no JSON: " + e.getOriginalMessage().replaceAll("\\s+", " "));
    }
    throw new CorruptDataException(where + ": is no JSON object: expected one");
  }

  static String string(String where, JsonNode object, String field) throws CorruptDataException {
    JsonNode value = object.get(field);
    if (value == null || !value.isTextual()) {
      throw new CorruptDataException("%s: has no text '%s'".formatted(where, field));
    }
    return value.textValue();
  }

  static JsonNode list(String where, JsonNode object, String field) throws CorruptDataException {
    JsonNode value = object.get(field);
    if (value == null || !value.isArray()) {
      throw new CorruptDataException("%s: has no list '%s'".formatted(where, field));
    }
    return value;
  }

  /** Text that is not trusted, for a message of one line. */
  static String printable(String text) {
    return SourceEntry.printable(text.getBytes(StandardCharsets.UTF_8));
  }
}
