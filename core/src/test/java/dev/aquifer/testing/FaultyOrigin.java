package dev.aquifer.testing;

import java.io.BufferedInputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.net.URLDecoder;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * A static HTTP/1.1 origin on loopback that serves a directory with ranges, entity tags and
 * keep-alive, writes down what it was asked, and spoils answers as a test tells it to.
 *
 * <pre>{@code
 * try (FaultyOrigin origin = FaultyOrigin.serve(directory)) {
 *   origin.fault(2, FaultyOrigin.path("blobs/"), answer -> answer.status = 503);
 *   ... origin.url() ...
 *   assertThat(origin.bodyBytes("blobs/")).isEqualTo(4096);
 * }
 * }</pre>
 *
 * <p>Safe for use by many threads.
 */
public final class FaultyOrigin implements Closeable {
  /** What was asked. {@code first} and {@code last} are -1 without a range. */
  public record Request(
      String method, String path, long first, long last, Map<String, String> headers) {}

  /** What was asked and how many bytes of body were sent; {@code status} 0 means no answer. */
  public record Exchange(Request request, int status, long bodyBytes) {}

  /** An answer before it is sent: a fault changes its fields. */
  public static final class Answer {
    /** The status line's number. */
    public int status;

    /** Headers by lower-case name; empty ones are left out. */
    public final Map<String, String> headers = new TreeMap<>();

    /** The file whose bytes [bodyOffset, bodyOffset + bodyLength) are sent; null for none. */
    public Path file;

    /** Where the body starts in the file. */
    public long bodyOffset;

    /** How many bytes of it are sent. */
    public long bodyLength;

    /** Sent instead of the file's bytes if not null. */
    public byte[] body;

    /** After so many bytes of body the connection is closed; -1 never. */
    public long cutAfter = -1;

    /** The cut is a reset instead of an orderly end. */
    public boolean reset;

    /** After so many bytes of body nothing more is sent until the client goes; -1 never. */
    public long stallAfter = -1;

    /** The byte at this position of the file is sent with its lowest bit flipped; -1 none. */
    public long flipAt = -1;

    /** Sent after the body, beyond what the headers announce. */
    public byte[] surplus = new byte[0];

    /** The most bytes of a file that are sent at once. */
    public long pieceBytes = 1 << 20;

    /** Run before each piece; may block. */
    public Runnable beforePiece = () -> {};

    /** Run before anything is sent; may block, such as on a latch of the test. */
    public Runnable beforeHeaders = () -> {};

    /** Run after the headers were sent; may block. */
    public Runnable beforeBody = () -> {};
  }

  /** Grows before the bytes leave, so that a client which has them finds them counted. */
  private record Entry(Request request, int status, AtomicLong bodyBytes) {}

  private record Fault(int[] timesLeft, Predicate<Request> when, Consumer<Answer> change) {}

  private final Path root;
  private final ServerSocketChannel server;
  private final List<Entry> log = new ArrayList<>(); // guarded by this
  private final List<Fault> faults = new ArrayList<>(); // guarded by this
  private final Set<SocketChannel> connections = new HashSet<>(); // guarded by this
  private int accepted; // guarded by this
  private int inFlight; // guarded by this
  private int mostInFlight; // guarded by this
  private volatile boolean closed;

  private FaultyOrigin(Path root) throws IOException {
    this.root = root;
    server = ServerSocketChannel.open();
    server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 256);
    start("origin-accept", this::accept);
  }

  /** Serves the files below {@code root} until closed. */
  public static FaultyOrigin serve(Path root) throws IOException {
    return new FaultyOrigin(root);
  }

  /** The base URL, without a slash at its end. */
  public String url() {
    try {
      return "http://127.0.0.1:" + ((InetSocketAddress) server.getLocalAddress()).getPort();
    } catch (IOException e) {
      throw new AssertionError("bound in the constructor", e);
    }
  }

  /** Spoils the next {@code times} answers to requests that {@code when} accepts. */
  public synchronized void fault(int times, Predicate<Request> when, Consumer<Answer> change) {
    faults.add(new Fault(new int[] {times}, when, change));
  }

  /** Spoils every answer to requests that {@code when} accepts. */
  public void fault(Predicate<Request> when, Consumer<Answer> change) {
    fault(Integer.MAX_VALUE, when, change);
  }

  /** Delays every answer from now on. */
  public void delayMillis(long millis) {
    fault(
        any(),
        answer -> {
          Runnable before = answer.beforeHeaders;
          answer.beforeHeaders =
              () -> {
                before.run();
                try {
                  TimeUnit.MILLISECONDS.sleep(millis);
                } catch (InterruptedException e) {
                  Thread.currentThread().interrupt();
                }
              };
        });
  }

  /** No faults from now on. */
  public synchronized void heal() {
    faults.clear();
  }

  /** Forgets what was asked so far. */
  public synchronized void clearLog() {
    log.clear();
    mostInFlight = inFlight;
  }

  /** Accepts every request. */
  public static Predicate<Request> any() {
    return request -> true;
  }

  /** Accepts requests whose path, without its first slash, starts with {@code prefix}. */
  public static Predicate<Request> path(String prefix) {
    return request -> request.path().startsWith(prefix);
  }

  /** What was asked, in the order in which answers began. */
  public synchronized List<Exchange> log() {
    return log.stream()
        .map(entry -> new Exchange(entry.request, entry.status, entry.bodyBytes.get()))
        .toList();
  }

  /** How many requests were asked for paths that start with {@code prefix}. */
  public long requests(String prefix) {
    return log().stream().filter(e -> e.request().path().startsWith(prefix)).count();
  }

  /** How many bytes of body were sent for paths that start with {@code prefix}. */
  public long bodyBytes(String prefix) {
    return log().stream()
        .filter(e -> e.request().path().startsWith(prefix))
        .mapToLong(Exchange::bodyBytes)
        .sum();
  }

  /** How many connections were accepted. */
  public synchronized int connections() {
    return accepted;
  }

  /** The most requests that were being answered at once since {@link #clearLog}. */
  public synchronized int mostInFlight() {
    return mostInFlight;
  }

  @Override
  public void close() throws IOException {
    closed = true;
    server.close();
    List<SocketChannel> open;
    synchronized (this) {
      open = List.copyOf(connections);
    }
    for (SocketChannel connection : open) {
      connection.close();
    }
  }

  private static void start(String name, Runnable work) {
    Thread thread = new Thread(work, name);
    thread.setDaemon(true);
    thread.start();
  }

  private void accept() {
    while (!closed) {
      try {
        SocketChannel connection = server.accept();
        synchronized (this) {
          accepted++;
          connections.add(connection);
        }
        start("origin-connection", () -> serve(connection));
      } catch (IOException e) {
        // Closed.
      }
    }
  }

  private void serve(SocketChannel connection) {
    try (connection) {
      connection.setOption(StandardSocketOptions.TCP_NODELAY, true);
      InputStream in = new BufferedInputStream(Channels.newInputStream(connection));
      boolean keep = true;
      while (keep && !closed) {
        Request request = readRequest(in);
        if (request == null) {
          return;
        }
        keep = answer(connection, in, request);
      }
    } catch (IOException e) {
      // The client went, or the test ended.
    } finally {
      synchronized (this) {
        connections.remove(connection);
      }
    }
  }

  private static Request readRequest(InputStream in) throws IOException {
    String line = readLine(in);
    if (line == null || line.isEmpty()) {
      return null;
    }
    String[] words = line.split(" ");
    Map<String, String> headers = new TreeMap<>();
    for (String h = readLine(in); h != null && !h.isEmpty(); h = readLine(in)) {
      int colon = h.indexOf(':');
      headers.put(h.substring(0, colon).toLowerCase(Locale.ROOT), h.substring(colon + 1).strip());
    }
    String target = words[1].substring(1);
    int query = target.indexOf('?');
    if (query >= 0) {
      headers.put("?", target.substring(query + 1));
      target = target.substring(0, query);
    }
    long first = -1;
    long last = -1;
    String range = headers.get("range");
    if (range != null) {
      String[] ends = range.substring("bytes=".length()).split("-");
      first = Long.parseLong(ends[0]);
      last = ends.length > 1 ? Long.parseLong(ends[1]) : Long.MAX_VALUE;
    }
    return new Request(
        words[0],
        URLDecoder.decode(target.replace("+", "%2B"), StandardCharsets.UTF_8),
        first,
        last,
        headers);
  }

  private static String readLine(InputStream in) throws IOException {
    StringBuilder line = new StringBuilder();
    for (int c = in.read(); c != '\n'; c = in.read()) {
      if (c < 0) {
        return null;
      }
      if (c != '\r') {
        line.append((char) c);
      }
    }
    return line.toString();
  }

  private boolean answer(SocketChannel connection, InputStream in, Request request)
      throws IOException {
    Answer answer = plan(request);
    synchronized (this) {
      inFlight++;
      mostInFlight = Math.max(mostInFlight, inFlight);
      for (Fault fault : faults) {
        if (fault.timesLeft()[0] > 0 && fault.when().test(request)) {
          fault.timesLeft()[0]--;
          fault.change().accept(answer);
        }
      }
    }
    AtomicLong sent = new AtomicLong();
    synchronized (this) {
      log.add(new Entry(request, answer.status, sent));
    }
    try {
      answer.beforeHeaders.run();
      return send(connection, in, request, answer, sent);
    } finally {
      synchronized (this) {
        inFlight--;
      }
    }
  }

  private Answer plan(Request request) throws IOException {
    Answer answer = new Answer();
    Path file = root.resolve(request.path()).normalize();
    if (!file.startsWith(root) || !Files.isRegularFile(file)) {
      answer.status = 404;
      answer.body = "not here\n".getBytes(StandardCharsets.UTF_8);
      return answer;
    }
    long size = Files.size(file);
    FileTime time = Files.getLastModifiedTime(file);
    String etag = "\"%x-%x\"".formatted(size, time.to(TimeUnit.NANOSECONDS));
    answer.status = 200;
    answer.file = file;
    answer.bodyLength = size;
    answer.headers.put("etag", etag);
    answer.headers.put("accept-ranges", "bytes");
    String ifRange = request.headers().get("if-range");
    if (request.first() >= 0 && (ifRange == null || ifRange.equals(etag))) {
      if (request.first() >= size) {
        answer.status = 416;
        answer.bodyLength = 0;
        answer.headers.put("content-range", "bytes */" + size);
      } else {
        long last = Math.min(request.last(), size - 1);
        answer.status = 206;
        answer.bodyOffset = request.first();
        answer.bodyLength = last - request.first() + 1;
        answer.headers.put(
            "content-range", "bytes %d-%d/%d".formatted(request.first(), last, size));
      }
    }
    return answer;
  }

  private boolean send(
      SocketChannel connection, InputStream in, Request request, Answer answer, AtomicLong sent)
      throws IOException {
    if (answer.status == 0) {
      return cut(connection, answer);
    }
    long length = answer.body != null ? answer.body.length : answer.bodyLength;
    answer.headers.putIfAbsent("content-length", Long.toString(length));
    answer.headers.values().removeIf(String::isEmpty);
    StringBuilder head = new StringBuilder("HTTP/1.1 " + answer.status + " Said\r\n");
    answer.headers.forEach((name, value) -> head.append(name + ": " + value + "\r\n"));
    write(connection, head.append("\r\n").toString().getBytes(StandardCharsets.ISO_8859_1));
    answer.beforeBody.run();
    if (request.method().equals("HEAD")) {
      return true;
    }
    long end = length;
    boolean cuts = answer.cutAfter >= 0 && answer.cutAfter < end;
    end = cuts ? answer.cutAfter : end;
    boolean stalls = answer.stallAfter >= 0 && answer.stallAfter < end;
    end = stalls ? answer.stallAfter : end;
    sendBody(connection, answer, end, sent);
    if (stalls) {
      // The client says nothing more on this connection but its end.
      while (in.read() >= 0) {}
      return false;
    }
    if (cuts) {
      return cut(connection, answer);
    }
    write(connection, answer.surplus);
    return answer.surplus.length == 0 && !"close".equals(answer.headers.get("connection"));
  }

  private static boolean cut(SocketChannel connection, Answer answer) throws IOException {
    if (answer.reset) {
      connection.setOption(StandardSocketOptions.SO_LINGER, 0);
    }
    connection.close();
    return false;
  }

  private static void sendBody(SocketChannel connection, Answer answer, long end, AtomicLong sent)
      throws IOException {
    if (answer.body != null) {
      sent.set(end);
      write(connection, Arrays.copyOf(answer.body, (int) end));
      return;
    }
    if (answer.file == null) {
      return;
    }
    try (FileChannel file = FileChannel.open(answer.file)) {
      for (long done = 0; done < end; done = sent.get()) {
        long at = answer.bodyOffset + done;
        long step = Math.min(end - done, answer.pieceBytes);
        answer.beforePiece.run();
        if (answer.flipAt >= at && answer.flipAt < at + step) {
          if (answer.flipAt == at) {
            ByteBuffer one = ByteBuffer.allocate(1);
            file.read(one, at);
            sent.incrementAndGet();
            write(connection, new byte[] {(byte) (one.get(0) ^ 1)});
            continue;
          }
          step = answer.flipAt - at;
        }
        sent.addAndGet(step);
        long moved = file.transferTo(at, step, connection);
        sent.addAndGet(moved - step);
        if (moved <= 0) {
          throw new IOException("file ended");
        }
      }
    }
  }

  private static void write(SocketChannel connection, byte[] bytes) throws IOException {
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    while (buffer.hasRemaining()) {
      connection.write(buffer);
    }
  }
}
