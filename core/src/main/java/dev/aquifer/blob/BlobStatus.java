package dev.aquifer.blob;

import java.time.Instant;
import java.util.List;

/**
 * A snapshot of a blob in use.
 *
 * @param id 64 hexadecimal digits for a verified blob, else its URL or path
 * @param isVerified whether digests prove it
 * @param holders the fsids that use it
 * @param plainBytes its size
 * @param spansPresent spans that can be read without the origin
 * @param spansTotal all spans
 * @param fetchedBytes blob data that came from origins since it was opened, in stored form
 * @param requests requests made for it
 * @param since when it was opened
 */
public record BlobStatus(
    String id,
    boolean isVerified,
    List<String> holders,
    long plainBytes,
    int spansPresent,
    int spansTotal,
    long fetchedBytes,
    long requests,
    Instant since) {}
