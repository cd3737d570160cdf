package dev.aquifer.blob;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What proving a blob's local file again has shown.
 *
 * @param domainId where it is in use; null for a private name space
 * @param id the blob
 * @param checkedSpans how many of its spans were present
 * @param damagedSpans those whose bytes are not what their digests say
 */
public record VerifyStatus(
    @Nullable String domainId, String id, int checkedSpans, List<Integer> damagedSpans) {}
