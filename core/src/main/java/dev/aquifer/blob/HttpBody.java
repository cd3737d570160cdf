package dev.aquifer.blob;

import java.io.IOException;
import java.net.http.HttpResponse.BodyHandler;
import java.net.http.HttpResponse.BodySubscriber;
import java.net.http.HttpResponse.ResponseInfo;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Hands the body of one answer from the HTTP client's threads to the thread that asked: the bytes
 * go straight to their place, the thread is told how many there are.
 *
 * <p>After {@link #close} no byte is written any more, so that the place can be used again.
 */
final class HttpBody implements BodyHandler<Boolean>, BodySubscriber<Boolean> {
  /** Takes an answer in; called by one thread at a time. */
  interface Taker {
    /** Checks the headers, and throws if the body isn't wanted. */
    void begin(ResponseInfo info) throws IOException;

    /**
     * Takes all of {@code buffer}.
     *
     * @return how many of the wanted bytes it held
     */
    int take(ByteBuffer buffer) throws IOException;

    /** Whether so little follows the wanted bytes that the answer's end is worth waiting for. */
    default boolean isWorthEnding() {
      return true;
    }
  }

  private final Taker taker;
  private final CompletableFuture<Boolean> done = new CompletableFuture<>();
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private Flow.@Nullable Subscription subscription; // guarded by lock
  private boolean hasBegun; // guarded by lock
  private boolean isEnded; // guarded by lock
  private boolean isClosed; // guarded by lock
  private long takenBytes; // guarded by lock
  private @Nullable Throwable failure; // guarded by lock

  HttpBody(Taker taker) {
    this.taker = taker;
  }

  /** What {@link #await} found. */
  record Progress(boolean hasBegun, boolean isEnded, long takenBytes, @Nullable Throwable failure) {
    boolean isMoreThan(Progress before) {
      return takenBytes > before.takenBytes || hasBegun && !before.hasBegun;
    }
  }

  static final Progress NOTHING = new Progress(false, false, 0, null);

  /** Waits until there is more than {@code known}, the answer ended, or the time is over. */
  Progress await(Progress known, long waitNanos) throws InterruptedException {
    lock.lockInterruptibly();
    try {
      long left = waitNanos;
      while (left > 0 && !isEnded && failure == null && !now().isMoreThan(known)) {
        left = changed.awaitNanos(left);
      }
      return now();
    } finally {
      lock.unlock();
    }
  }

  private Progress now() {
    return new Progress(hasBegun, isEnded, takenBytes, failure);
  }

  /** The answer ended, with {@code cause} unless it is null. */
  void end(@Nullable Throwable cause) {
    lock.lock();
    try {
      isEnded = true;
      if (failure == null) {
        failure = cause;
      }
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  boolean isWorthEnding() {
    return taker.isWorthEnding();
  }

  /**
   * Takes nothing more, and ends an answer that still comes.
   *
   * @return whether there is no answer to end yet: the caller has to cancel the request
   */
  boolean close() {
    Flow.Subscription running;
    lock.lock();
    try {
      isClosed = true;
      if (isEnded) {
        return false;
      }
      running = subscription;
    } finally {
      lock.unlock();
    }
    if (running == null) {
      return true;
    }
    running.cancel();
    return false;
  }

  @Override
  public BodySubscriber<Boolean> apply(ResponseInfo info) {
    lock.lock();
    try {
      taker.begin(info);
      hasBegun = true;
    } catch (IOException | RuntimeException e) {
      failure = e;
    } finally {
      changed.signalAll();
      lock.unlock();
    }
    return this;
  }

  @Override
  public void onSubscribe(Flow.Subscription given) {
    boolean isWanted;
    lock.lock();
    try {
      subscription = given;
      isWanted = !isClosed && failure == null;
    } finally {
      lock.unlock();
    }
    if (isWanted) {
      // There is room for all of it.
      given.request(Long.MAX_VALUE);
    } else {
      given.cancel();
      done.complete(true);
    }
  }

  @Override
  public void onNext(List<ByteBuffer> buffers) {
    lock.lock();
    try {
      for (ByteBuffer buffer : buffers) {
        if (isClosed || failure != null) {
          return;
        }
        takenBytes += taker.take(buffer);
      }
    } catch (IOException | RuntimeException e) {
      failure = e;
    } finally {
      changed.signalAll();
      lock.unlock();
    }
  }

  @Override
  public void onError(Throwable cause) {
    end(cause);
    done.complete(true);
  }

  @Override
  public void onComplete() {
    end(null);
    done.complete(true);
  }

  @Override
  public CompletionStage<Boolean> getBody() {
    return done;
  }
}
