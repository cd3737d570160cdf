package dev.aquifer.mount;

/**
 * How a successor finds the fanotify group that the kernel's mounts ask: a file in the run
 * directory, there from before the first mount is made until the last one is gone.
 *
 * @param bootId the machine's start that it is of
 * @param keeperPid the process that holds the group as its descriptor 3
 * @param keeperStartTicks when that process started
 */
record SavedGroup(String bootId, int keeperPid, long keeperStartTicks) {}
