# shellcheck shell=sh
# Sourced by ./aquifer and ./check. Defines find_jdk, which sets jdk to the home of the first JDK
# of at least version $jdk_wanted, or to nothing. It starts no JVM: it reads the release files.

jdk_wanted=25

# Is $1 the home of a JDK that is new enough? Its release file has a line JAVA_VERSION="25.0.3".
jdk_fits() {
  [ -n "$1" ] && [ -x "$1/bin/java" ] && [ -r "$1/release" ] || return 1
  jdk_version=
  while IFS= read -r jdk_line; do
    case $jdk_line in
      JAVA_VERSION=*)
        jdk_version=${jdk_line#JAVA_VERSION=}
        jdk_version=${jdk_version#\"}
        break
        ;;
    esac
  done <"$1/release"
  jdk_major=${jdk_version%%[!0-9]*}
  [ -n "$jdk_major" ] && [ "$jdk_major" -ge "$jdk_wanted" ]
}

find_jdk() {
  for jdk in "${AQUIFER_JAVA_HOME:-}" "${JAVA_HOME:-}"; do
    if jdk_fits "$jdk"; then return 0; fi
  done
  jdk_java=$(command -v java 2>/dev/null) || jdk_java=
  if [ -n "$jdk_java" ]; then
    jdk_java=$(readlink -f "$jdk_java" 2>/dev/null) || jdk_java=
    jdk=${jdk_java%/bin/java}
    if jdk_fits "$jdk"; then return 0; fi
  fi
  for jdk in /usr/lib/jvm/* ${HOME:+"$HOME"/.sdkman/candidates/java/* "$HOME"/.jdks/*}; do
    if jdk_fits "$jdk"; then return 0; fi
  done
  jdk=
  return 1
}

# Says what to install; $1 is the name of the program that speaks.
say_no_jdk() {
  echo "$1: needs a JDK of version $jdk_wanted or newer, and found none (looked at AQUIFER_JAVA_HOME, JAVA_HOME, PATH, /usr/lib/jvm, ~/.sdkman, ~/.jdks)." >&2
  echo "Install one, e.g. Eclipse Temurin: the package temurin-$jdk_wanted-jdk of the Adoptium repository, or \`sdk install java $jdk_wanted-tem\`;" >&2
  echo "or say where it is: AQUIFER_JAVA_HOME=/path/to/jdk $1 ..." >&2
}
