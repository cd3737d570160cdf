package dev.aquifer.cli;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.spi.Configurator;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.spi.ContextAwareBase;
import org.slf4j.LoggerFactory;

/**
 * Sets up logging: standard error, one line an event. A command says warnings only; a daemon tells
 * of each mount, unmount and error, with the time. The environment variable {@code
 * AQUIFER_LOG_LEVEL} (error, warn, info, debug, trace) sets another level.
 *
 * <p>Logback finds this class by itself. It is code and not an XML file because reading XML is the
 * larger part of the time to the first log line.
 */
public final class LogSetup extends ContextAwareBase implements Configurator {
  private static final String COMMAND = "aquifer: %msg%n%nopex";
  private static final String DAEMON = "%d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX} %-5level %msg%n";

  /** Made by Logback through its service file. */
  public LogSetup() {}

  @Override
  public ExecutionStatus configure(LoggerContext context) {
    apply(context, COMMAND, Level.WARN);
    return ExecutionStatus.DO_NOT_INVOKE_NEXT_IF_ANY;
  }

  /** From now on this process logs as a daemon. */
  static void forDaemon() {
    LoggerContext context = (LoggerContext) LoggerFactory.getILoggerFactory();
    context.reset();
    apply(context, DAEMON, Level.INFO);
  }

  /**
   * From now on the log is silent: what a command that ends takes from under its readers is no
   * news.
   */
  static void silence() {
    ((LoggerContext) LoggerFactory.getILoggerFactory())
        .getLogger("dev.aquifer")
        .setLevel(Level.OFF);
  }

  private static void apply(LoggerContext context, String pattern, Level level) {
    PatternLayoutEncoder encoder = new PatternLayoutEncoder();
    encoder.setContext(context);
    encoder.setPattern(pattern);
    encoder.start();

    ConsoleAppender<ILoggingEvent> appender = new ConsoleAppender<>();
    appender.setContext(context);
    appender.setName("stderr");
    appender.setTarget("System.err");
    appender.setEncoder(encoder);
    appender.start();

    Logger root = context.getLogger(Logger.ROOT_LOGGER_NAME);
    // Other people's libraries are heard only when something is wrong.
    root.setLevel(Level.WARN);
    root.addAppender(appender);
    context
        .getLogger("dev.aquifer")
        .setLevel(Level.toLevel(System.getenv("AQUIFER_LOG_LEVEL"), level));
  }
}
