package dev.aquifer.blob;

import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A snapshot of a domain.
 *
 * @param domainId its name, null for a private name space
 * @param members its members in the order of joining
 * @param blobs the blobs in use
 * @param metadataBytes manifests aside, what was fetched for bootstraps and span tables
 * @param since when the first member joined
 */
public record DomainStatus(
    @Nullable String domainId,
    List<Member> members,
    List<BlobStatus> blobs,
    long metadataBytes,
    Instant since) {
  /**
   * A member.
   *
   * @param fsid its name in the domain
   * @param holder who it is
   * @param since when it joined
   */
  public record Member(String fsid, String holder, Instant since) {}
}
