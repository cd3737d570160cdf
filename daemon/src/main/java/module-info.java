/** Mount images on Linux, share their blobs in domains; and the command line. */
module dev.aquifer.daemon {
  requires static transitive org.jspecify;
  requires dev.aquifer.core;
  requires com.fasterxml.jackson.databind;
  requires info.picocli;
  requires io.helidon.webserver;
  requires org.slf4j;
  requires ch.qos.logback.classic;
  requires ch.qos.logback.core;

  provides ch.qos.logback.classic.spi.Configurator with
      dev.aquifer.cli.LogSetup;

  opens dev.aquifer.cli to
      info.picocli;
  // Records of saved state.
  opens dev.aquifer.mount to
      com.fasterxml.jackson.databind;
}
