package dev.aquifer.daemon;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.aquifer.blob.BlobStatus;
import dev.aquifer.blob.DomainStatus;
import dev.aquifer.blob.VerifyStatus;
import dev.aquifer.mount.MountStatus;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** The JSON of docs/control-api.md. Times are ISO 8601 in UTC, sizes are bytes. */
public final class StatusJson {
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

  private StatusJson() {}

  /** One mount. */
  public static ObjectNode of(MountStatus mount) {
    ObjectNode node = JSON.objectNode();
    node.put("target", mount.target().toString());
    node.put("source", mount.source());
    node.put("domain", mount.domainId());
    node.put("fsid", mount.fsid());
    node.put("state", mount.state().name().toLowerCase(Locale.ROOT));
    node.put("mode", mount.mode().toString());
    node.put("image", mount.image());
    node.put("kernelName", mount.kernelName());
    node.set("blobs", strings(mount.blobs()));
    node.put("bootstrapFetchedBytes", mount.bootstrapFetchedBytes());
    node.put("prefetch", mount.prefetch().toString());
    node.put("since", mount.since().toString());
    return node;
  }

  /** One domain with its members and the blobs in use. */
  public static ObjectNode of(DomainStatus domain) {
    ObjectNode node = JSON.objectNode();
    node.put("domain", domain.domainId());
    node.put("metadataBytes", domain.metadataBytes());
    node.put("since", domain.since().toString());
    ArrayNode members = node.putArray("members");
    for (DomainStatus.Member member : domain.members()) {
      ObjectNode each = members.addObject();
      each.put("fsid", member.fsid());
      each.put("holder", member.holder());
      each.put("since", member.since().toString());
    }
    ArrayNode blobs = node.putArray("blobs");
    domain.blobs().forEach(blob -> blobs.add(of(blob)));
    return node;
  }

  private static ObjectNode of(BlobStatus blob) {
    ObjectNode node = JSON.objectNode();
    node.put("id", blob.id());
    node.put("verified", blob.isVerified());
    node.set("holders", strings(blob.holders()));
    node.put("plainBytes", blob.plainBytes());
    node.put("spansPresent", blob.spansPresent());
    node.put("spansTotal", blob.spansTotal());
    node.put("fetchedBytes", blob.fetchedBytes());
    node.put("requests", blob.requests());
    node.put("since", blob.since().toString());
    return node;
  }

  static ObjectNode of(VerifyStatus blob) {
    ObjectNode node = JsonNodeFactory.instance.objectNode();
    node.put("domain", blob.domainId());
    node.put("id", blob.id());
    node.put("checkedSpans", blob.checkedSpans());
    ArrayNode damaged = node.putArray("damagedSpans");
    blob.damagedSpans().forEach(damaged::add);
    return node;
  }

  /** An error: the errno as the kernel numbers and names it, and the sentence for people. */
  static ObjectNode error(int errno, @Nullable String name, String message) {
    ObjectNode node = JSON.objectNode();
    node.put("errno", errno);
    node.put("name", name);
    node.put("message", message);
    return node;
  }

  private static ArrayNode strings(List<String> values) {
    ArrayNode array = JSON.arrayNode();
    values.forEach(array::add);
    return array;
  }
}
