package dev.aquifer.nio;

import java.nio.file.attribute.GroupPrincipal;
import java.nio.file.attribute.UserPrincipalLookupService;
import java.nio.file.attribute.UserPrincipalNotFoundException;

/**
 * A user or a group: an image knows their numbers, and no names.
 *
 * @param id 0 to 2^32-1
 */
record NumberedPrincipal(long id) implements GroupPrincipal {
  private static final long MAX_ID = 0xffffffffL;

  /** Finds users and groups by numbers. */
  static final UserPrincipalLookupService LOOKUP =
      new UserPrincipalLookupService() {
        @Override
        public NumberedPrincipal lookupPrincipalByName(String name)
            throws UserPrincipalNotFoundException {
          return of(name);
        }

        @Override
        public NumberedPrincipal lookupPrincipalByGroupName(String group)
            throws UserPrincipalNotFoundException {
          return of(group);
        }
      };

  private static NumberedPrincipal of(String name) throws UserPrincipalNotFoundException {
    try {
      long id = Long.parseLong(name);
      if (id >= 0 && id <= MAX_ID) {
        return new NumberedPrincipal(id);
      }
    } catch (NumberFormatException e) {
      // Said below.
    }
    throw new UserPrincipalNotFoundException(name);
  }

  @Override
  public String getName() {
    return Long.toString(id);
  }

  @Override
  public String toString() {
    return getName();
  }
}
