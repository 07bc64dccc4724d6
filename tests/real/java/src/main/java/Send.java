import com.segment.analytics.Analytics;
import com.segment.analytics.Callback;
import com.segment.analytics.messages.*;
import java.time.Instant;
import java.util.*;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Everything the scenario holds, sent with analytics-java. */
public final class Send {
  public static void main(String[] args) throws Exception {
    String person = System.getenv("PERSON");
    CountDownLatch waiting = new CountDownLatch(8);
    List<Throwable> failures = Collections.synchronizedList(new ArrayList<>());
    Analytics analytics =
        Analytics.builder(System.getenv("WRITE_KEY"))
            .endpoint(System.getenv("HOST"))
            .callback(
                new Callback() {
                  @Override
                  public void success(Message message) {
                    waiting.countDown();
                  }

                  @Override
                  public void failure(Message message, Throwable throwable) {
                    failures.add(throwable);
                    waiting.countDown();
                  }
                })
            .build();

    analytics.enqueue(
        TrackMessage.builder("Early Visit")
            .anonymousId(person + "-old")
            .properties(Map.of("step", 1)));
    analytics.enqueue(
        TrackMessage.builder("Product Viewed")
            .anonymousId(person + "-anon")
            .properties(
                Map.of(
                    "count", 42,
                    "price", 19.99,
                    "big", 9007199254740991L,
                    "negative", -7,
                    "yes", true,
                    "no", false,
                    "title", "Zażółć gęślą jaźń 🦊",
                    "nested", Map.of("a", Map.of("b", List.of(1, "two", 3.5, true))),
                    "empty", "",
                    "when", Date.from(Instant.parse("2026-03-04T05:06:07Z")))));
    analytics.enqueue(
        IdentifyMessage.builder()
            .userId(person)
            .anonymousId(person + "-anon")
            .traits(
                Map.of(
                    "email", person + "@example.com",
                    "name", "Zoë Żółć 🦊",
                    "age", 36,
                    "score", 4.5,
                    "vip", true,
                    "address", Map.of("city", "Łódź", "postalCode", "90-001"),
                    "tags", List.of("a", "b"),
                    "createdAt", Date.from(Instant.parse("2025-01-02T03:04:05Z")))));
    analytics.enqueue(
        PageMessage.builder("Pricing")
            .userId(person)
            .properties(Map.of("path", "/pricing", "depth", 0.75)));
    analytics.enqueue(
        ScreenMessage.builder("Home")
            .userId(person)
            .properties(Map.of("theme", "dark", "tab", 2)));
    analytics.enqueue(
        GroupMessage.builder(person + "-org")
            .userId(person)
            .traits(Map.of("name", "Acme & Søn", "employees", 250)));
    analytics.enqueue(AliasMessage.builder(person + "-old").userId(person));
    analytics.enqueue(
        TrackMessage.builder("Order Completed")
            .userId(person)
            .properties(
                Map.of(
                    "order_id", person + "-1",
                    "total", 99.5,
                    "products", List.of(Map.of("sku", "S-1", "quantity", 2, "price", 49.75))))
            .timestamp(Date.from(Instant.now().minusSeconds(3600))));
    analytics.flush();
    boolean done = waiting.await(150, TimeUnit.SECONDS);
    analytics.shutdown();
    if (!done || !failures.isEmpty()) {
      System.err.println("not delivered: " + failures);
      System.exit(1);
    }
    System.exit(0);
  }
}
