package dev.aquifer.input;

import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.UnsupportedFeatureException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A digest of the OCI form {@code algorithm:hex}. */
record ContainerDigest(String algorithm, String hex) {
  private static final Pattern FORM = Pattern.compile("([a-z0-9+._-]+):([0-9a-zA-Z=_-]+)");

  /** Reads a digest; {@code where} is what messages call its place. */
  static ContainerDigest parse(String where, String text)
      throws CorruptDataException, UnsupportedFeatureException {
    Matcher matcher = FORM.matcher(text);
    if (!matcher.matches()) {
      throw new CorruptDataException(
          "%s: '%s' is no digest: expected sha256:… or sha512:…"
              .formatted(where, ImageJson.printable(text)));
    }
    ContainerDigest digest = new ContainerDigest(matcher.group(1), matcher.group(2));
    int digits =
        switch (digest.algorithm) {
          case "sha256" -> 64;
          case "sha512" -> 128;
          default ->
              throw new UnsupportedFeatureException(
                  "%s: digest algorithm %s: expected sha256 or sha512"
                      .formatted(where, digest.algorithm));
        };
    if (!digest.hex.matches("[0-9a-f]{" + digits + "}")) {
      throw new CorruptDataException(
          "%s: '%s' is no digest: expected %d digits".formatted(where, text, digits));
    }
    return digest;
  }

  /** A new computation of a digest of this kind. */
  MessageDigest start() {
    try {
      return MessageDigest.getInstance(algorithm.equals("sha256") ? "SHA-256" : "SHA-512");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-2", e);
    }
  }

  /** Checks what was computed; {@code where} is what the message calls the data. */
  void check(String where, MessageDigest computed) throws CorruptDataException {
    String found = HexFormat.of().formatHex(computed.digest());
    if (!found.equals(hex)) {
      throw new CorruptDataException(
          "%s: has digest %s:%s: expected %s: it is damaged, get it again"
              .formatted(where, algorithm, found, this));
    }
  }

  /** Where an image layout has what it names. */
  String path() {
    return "blobs/" + algorithm + "/" + hex;
  }

  @Override
  public String toString() {
    return algorithm + ":" + hex;
  }
}
