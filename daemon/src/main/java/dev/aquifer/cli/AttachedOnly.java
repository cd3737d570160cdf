package dev.aquifer.cli;

import java.util.Map;
import java.util.Stack;
import picocli.CommandLine.IParameterPreprocessor;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/** For options whose value may be left out: what is not after {@code =} is not their value. */
final class AttachedOnly implements IParameterPreprocessor {
  @Override
  @SuppressWarnings("JdkObsolete") // It is picocli's.
  public boolean preprocess(
      Stack<String> args, CommandSpec command, ArgSpec option, Map<String, Object> info) {
    if (!"=".equals(info.get("separator")) && option instanceof OptionSpec spec) {
      args.push(spec.fallbackValue());
    }
    return false;
  }
}
