/*
 * The measure for the event loop: what a small C program reaches.
 *
 *   marked serve FILE...        marks the files, prints "ready", allows every access until its input ends
 *   marked read FILE COUNT      reads COUNT pages of 4 KiB in random order, none twice, each a page-cache
 *                              miss of the mount; prints reads a second
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifndef FAN_PRE_ACCESS
#define FAN_PRE_ACCESS 0x00100000
#endif

static void die(const char *what) {
  perror(what);
  exit(1);
}

static int serve(int count, char **paths) {
  int group = fanotify_init(FAN_CLASS_PRE_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_QUEUE |
                                FAN_UNLIMITED_MARKS,
                            O_RDONLY | O_LARGEFILE | O_CLOEXEC);
  if (group < 0) die("fanotify_init");
  for (int i = 0; i < count; i++)
    if (fanotify_mark(group, FAN_MARK_ADD, FAN_PRE_ACCESS, AT_FDCWD, paths[i])) die(paths[i]);
  puts("ready");
  fflush(stdout);
  struct pollfd polls[2] = {{group, POLLIN, 0}, {0, POLLIN, 0}};
  static char buffer[8192] __attribute__((aligned(8)));
  unsigned long events = 0;
  for (;;) {
    if (poll(polls, 2, -1) < 0) die("poll");
    if (polls[1].revents) break;
    ssize_t length = read(group, buffer, sizeof buffer);
    if (length < 0 && errno == EAGAIN) continue;
    if (length < 0) die("read");
    struct fanotify_event_metadata *event = (void *)buffer;
    for (; FAN_EVENT_OK(event, length); event = FAN_EVENT_NEXT(event, length)) {
      struct stat stat;
      if (fstat(event->fd, &stat)) die("fstat");
      struct fanotify_response response = {event->fd, FAN_ALLOW};
      if (write(group, &response, sizeof response) < 0 && errno != ENOENT) die("write");
      close(event->fd);
      events++;
    }
  }
  fprintf(stderr, "%lu events\n", events);
  return 0;
}

static uint64_t random64(void) {
  static uint64_t state = 88172645463325252ull;
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}

static int readPages(const char *path, long count) {
  int fd = open(path, O_RDONLY);
  if (fd < 0) die(path);
  long pages = lseek(fd, 0, SEEK_END) / 4096;
  if (count > pages) count = pages;
  posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
  uint32_t *order = malloc(pages * sizeof *order);
  for (long i = 0; i < pages; i++) order[i] = i;
  for (long i = pages - 1; i > 0; i--) {
    long j = random64() % (i + 1);
    uint32_t swap = order[i];
    order[i] = order[j];
    order[j] = swap;
  }
  static char buffer[4096];
  struct timespec start, end;
  clock_gettime(CLOCK_MONOTONIC, &start);
  for (long i = 0; i < count; i++)
    if (pread(fd, buffer, sizeof buffer, (off_t)order[i] * 4096) != sizeof buffer) die("pread");
  clock_gettime(CLOCK_MONOTONIC, &end);
  double seconds = end.tv_sec - start.tv_sec + (end.tv_nsec - start.tv_nsec) / 1e9;
  printf("%.0f\n", count / seconds);
  return 0;
}

int main(int count, char **arguments) {
  if (count >= 3 && !strcmp(arguments[1], "serve")) return serve(count - 2, arguments + 2);
  if (count == 4 && !strcmp(arguments[1], "read")) return readPages(arguments[2], atol(arguments[3]));
  fprintf(stderr, "usage: marked serve FILE... | marked read FILE COUNT\n");
  return 2;
}
