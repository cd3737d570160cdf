package dev.aquifer.cli;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.spi.Configurator;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.spi.ContextAwareBase;

/**
 * Sets up logging: standard error, one line an event. The environment variable {@code
 * AQUIFER_LOG_LEVEL} (error, warn, info, debug, trace) sets the level, info without it.
 *
 * <p>Logback finds this class by itself. It is code and not an XML file because reading XML is the
 * larger part of the time to the first log line.
 */
public final class LogSetup extends ContextAwareBase implements Configurator {
  /** Made by Logback through its service file. */
  public LogSetup() {}

  @Override
  public ExecutionStatus configure(LoggerContext context) {
    PatternLayoutEncoder encoder = new PatternLayoutEncoder();
    encoder.setContext(context);
    encoder.setPattern("%d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX} %-5level %logger{0}: %msg%n");
    encoder.start();

    ConsoleAppender<ILoggingEvent> appender = new ConsoleAppender<>();
    appender.setContext(context);
    appender.setName("stderr");
    appender.setTarget("System.err");
    appender.setEncoder(encoder);
    appender.start();

    Logger root = context.getLogger(Logger.ROOT_LOGGER_NAME);
    root.setLevel(Level.toLevel(System.getenv("AQUIFER_LOG_LEVEL"), Level.INFO));
    root.addAppender(appender);
    // At debug the JDK logs each exit and each child process with a stack trace.
    context.getLogger("java.lang").setLevel(Level.INFO);
    return ExecutionStatus.DO_NOT_INVOKE_NEXT_IF_ANY;
  }
}
