package dev.aquifer.cli;

/** What the program's exit code means; README.md has the same table. */
enum ExitCode {
  OK(0, "done"),
  FAILED(
      1,
      "refused or failed; the line on standard error says what, where and why. `diff`: something differs"),
  USAGE(
      2,
      "bad usage: an unknown command or option, a missing or malformed argument. `diff`: it could not compare"),
  DAMAGED(4, "`fsck`: the image is damaged"),
  MOUNT_FAILED(32, "a mount or umount was refused or failed (as of mount(8))"),
  UNAVAILABLE(69, "no JDK was found, or the daemon is not there and could not be started"),
  NOT_BUILT(70, "the first build from source failed"),
  NOT_WRITABLE(73, "the source checkout is not built and can't be written to"),
  INTERRUPTED(
      130, "interrupted by Ctrl-C (SIGINT); 143 for SIGTERM. A daemon that is told to end: 0"),
  READER_LEFT(141, "nobody reads standard output any more, as after `head`");

  private final int number;
  private final String meaning;

  ExitCode(int number, String meaning) {
    this.number = number;
    this.meaning = meaning;
  }

  int number() {
    return number;
  }

  String meaning() {
    return meaning;
  }
}
