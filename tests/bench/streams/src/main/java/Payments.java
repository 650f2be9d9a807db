import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.QueryableStoreTypes;
import org.apache.kafka.streams.StoreQueryParameters;

/**
 * The peer of bench -name kafka, exactly once: a filter to a topic, or count and sum by account in RocksDB with its
 * changelog, or the same to a topic. It reads only the field that it needs, ends when it has seen all records, and
 * prints its CPU-seconds from the first record to the closed application, and a sum to check.
 *
 *   Payments BOOTSTRAP MODE IN OUT RECORDS
 */
public final class Payments {
  private static final JsonFactory JSON = new JsonFactory();

  private record Total(long count, long sum) {}

  private static final Serde<Total> TOTAL = Serdes.serdeFrom(
      (topic, t) -> t == null ? null : ByteBuffer.allocate(16).putLong(t.count).putLong(t.sum).array(),
      (topic, b) -> b == null ? null : new Total(ByteBuffer.wrap(b).getLong(), ByteBuffer.wrap(b, 8, 8).getLong()));

  public static void main(String[] args) throws Exception {
    String mode = args[1], in = args[2], out = args[3];
    long records = Long.parseLong(args[4]);
    Properties p = new Properties();
    p.put("bootstrap.servers", args[0]);
    p.put("application.id", "payments-" + mode + "-" + System.nanoTime());
    p.put("state.dir", Files.createTempDirectory("payments").toString());
    p.put("processing.guarantee", "exactly_once_v2");
    p.put("num.stream.threads", System.getProperty("threads", "1"));
    p.put("replication.factor", "1");
    p.put("statestore.cache.max.bytes", System.getProperty("cache", "134217728"));
    p.put("commit.interval.ms", "100"); // the default of exactly once, and of the sink that it is measured against
    p.put("consumer.auto.offset.reset", "earliest");
    p.put("consumer.max.poll.records", "5000");
    p.put("consumer.fetch.min.bytes", "100000");
    p.put("producer.batch.size", "131072");
    p.put("producer.linger.ms", "20");

    LongAdder seen = new LongAdder();
    CountDownLatch done = new CountDownLatch(1);
    long[] first = new long[2];
    StreamsBuilder b = new StreamsBuilder();
    var amounts = b.stream(in, Consumed.with(Serdes.String(), Serdes.ByteArray()));
    var counted = amounts.peek((k, v) -> {
      if (first[0] == 0) {
        first[1] = cpu();
        first[0] = System.nanoTime();
      }
      seen.increment();
      if (seen.sum() == records) done.countDown();
    });
    if (mode.equals("filter")) {
      counted.filter((k, v) -> amount(v) >= 90000).to(out, Produced.with(Serdes.String(), Serdes.ByteArray()));
    } else {
      var totals = counted.mapValues(Payments::amount)
          .groupByKey(Grouped.with(Serdes.String(), Serdes.Long()))
          .aggregate(() -> new Total(0, 0), (k, v, t) -> new Total(t.count + 1, t.sum + v),
              Materialized.<String, Total, KeyValueStore<Bytes, byte[]>>as("totals").withKeySerde(Serdes.String()).withValueSerde(TOTAL));
      if (mode.equals("upsert")) {
        totals.toStream().mapValues((k, t) ->
                ("{\"account\":\"" + k + "\",\"n\":" + t.count + ",\"total\":" + t.sum + "}").getBytes(StandardCharsets.UTF_8))
            .to(out, Produced.with(Serdes.String(), Serdes.ByteArray()));
      }
    }
    KafkaStreams streams = new KafkaStreams(b.build(), p);
    streams.setUncaughtExceptionHandler(e -> {
      e.printStackTrace();
      Runtime.getRuntime().halt(1);
      return null;
    });
    streams.start();
    if (!done.await(30, TimeUnit.MINUTES)) throw new IllegalStateException("only " + seen.sum() + " records came");
    long sum = 0, count = 0;
    if (!mode.equals("filter")) {
      var store = streams.store(StoreQueryParameters.fromNameAndType("totals", QueryableStoreTypes.<String, Total>keyValueStore()));
      long before = cpu();
      try (var all = store.all()) {
        while (all.hasNext()) {
          Total t = all.next().value;
          sum += t.sum;
          count += t.count;
        }
      }
      first[1] += cpu() - before; // the check is not the work
    }
    streams.close();
    System.out.printf("records=%d cpu=%.3f wall=%.3f count=%d sum=%d%n", seen.sum(), (cpu() - first[1]) / 1e9,
        (System.nanoTime() - first[0]) / 1e9, count, sum);
    System.exit(0);
  }

  private static long cpu() {
    return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
  }

  private static long amount(byte[] json) {
    try (JsonParser p = JSON.createParser(json)) {
      while (p.nextToken() != null) {
        if (p.currentToken() == JsonToken.FIELD_NAME && p.currentName().equals("amount")) {
          return p.nextLongValue(0);
        }
      }
      return 0;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
