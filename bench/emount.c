// Mounts an EROFS image from regular files with mount(2), which mount(8) would put behind a loop
// device: the plain kernel mount that ours is measured against.
//   emount BOOTSTRAP DIR [DEVICE...]
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

int main(int argc, char **argv) {
  char options[4096] = "";
  if (argc < 3) {
    fprintf(stderr, "usage: emount BOOTSTRAP DIR [DEVICE...]\n");
    return 2;
  }
  for (int i = 3; i < argc; i++) {
    size_t used = strlen(options);
    int more = snprintf(options + used, sizeof options - used, "%sdevice=%s", used ? "," : "", argv[i]);
    if (more < 0 || (size_t)more >= sizeof options - used) {
      fprintf(stderr, "emount: too many devices\n");
      return 2;
    }
  }
  if (mount(argv[1], argv[2], "erofs", MS_RDONLY, options) != 0) {
    fprintf(stderr, "emount: mount %s: %s\n", argv[1], strerror(errno));
    return 1;
  }
  return 0;
}
