import java.io.BufferedReader;
import java.io.DataOutputStream;
import java.io.FileOutputStream;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.lucene.analysis.core.KeywordAnalyzer;
import org.apache.lucene.document.Document;
import org.apache.lucene.document.Field;
import org.apache.lucene.document.StringField;
import org.apache.lucene.index.Term;
import org.apache.lucene.monitor.Monitor;
import org.apache.lucene.monitor.MonitorConfiguration;
import org.apache.lucene.monitor.MonitorQuery;
import org.apache.lucene.monitor.MultipassTermFilteredPresearcher;
import org.apache.lucene.monitor.QueryMatch;
import org.apache.lucene.monitor.TermWeightor;
import org.apache.lucene.search.BooleanClause.Occur;
import org.apache.lucene.search.BooleanQuery;
import org.apache.lucene.search.TermQuery;

/**
 * Lucene Monitor over one generated workload, with the questions and answers of the peers that are crates (main.rs beside).
 *
 * <p>An adgroup is a BooleanQuery: each include group is a FILTER clause of SHOULD terms, each exclude a MUST_NOT. The
 * presearcher is the multi-pass one, with a weight for each term from how many users hold it, so that it looks the query up
 * under the rarest. Documents are made before the clock; the warm-up is the check of the answers, which comes first.
 */
public final class LucenePeer {
  private static final int MAGIC = 0x57310001;
  private static final int PASSES = 2;
  private static final int BATCH = 2_000;
  private static final String FIELD = "segment";

  private final List<int[]> users = new ArrayList<>();
  private Monitor monitor;

  public static void main(String[] arguments) throws IOException {
    long started = System.nanoTime();
    LucenePeer peer = new LucenePeer();
    peer.build(Path.of(arguments[0]));
    System.out.printf("ready %.3f%n", (System.nanoTime() - started) / 1e9);
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      String[] words = line.split(" ");
      int first = Integer.parseInt(words[1]);
      List<int[]> asked = peer.users.subList(first, first + Integer.parseInt(words[2]));
      if (words[0].equals("time")) {
        System.out.printf("%.3f%n", peer.microsecondsAUser(asked));
      } else {
        peer.write(asked, words[3]);
        System.out.println("done");
      }
    }
  }

  private void build(Path path) throws IOException {
    IntBuffer numbers;
    try (FileChannel file = FileChannel.open(path)) {
      ByteBuffer bytes = file.map(FileChannel.MapMode.READ_ONLY, 0, file.size());
      numbers = bytes.order(ByteOrder.LITTLE_ENDIAN).asIntBuffer();
    }
    if (numbers.get() != MAGIC) {
      throw new IOException(path + ": not a workload");
    }
    numbers.get();
    int adgroups = numbers.get();
    int userCount = numbers.get();
    List<BooleanQuery> queries = new ArrayList<>();
    for (int number = 0; number < adgroups; number++) {
      queries.add(query(numbers));
    }
    Map<String, Integer> holders = new HashMap<>();
    for (int number = 0; number < userCount; number++) {
      int[] held = list(numbers);
      users.add(held);
      for (int segment : held) {
        holders.merge(String.valueOf(segment), 1, Integer::sum);
      }
    }
    TermWeightor rare = TermWeightor.termFreqWeightor(holders, 100, 1);
    MultipassTermFilteredPresearcher presearcher =
        new MultipassTermFilteredPresearcher(PASSES, 0, rare, Collections.emptyList(), Collections.emptySet());
    MonitorConfiguration configuration = new MonitorConfiguration().setQueryUpdateBufferSize(BATCH);
    monitor = new Monitor(new KeywordAnalyzer(), presearcher, configuration);
    List<MonitorQuery> batch = new ArrayList<>();
    for (int number = 0; number < queries.size(); number++) {
      batch.add(new MonitorQuery(String.valueOf(number), queries.get(number)));
      if (batch.size() == BATCH || number + 1 == queries.size()) {
        monitor.register(batch);
        batch.clear();
      }
    }
  }

  private static BooleanQuery query(IntBuffer numbers) {
    BooleanQuery.Builder query = new BooleanQuery.Builder();
    int groups = numbers.get();
    for (int group = 0; group < groups; group++) {
      BooleanQuery.Builder either = new BooleanQuery.Builder();
      for (int segment : list(numbers)) {
        either.add(new TermQuery(new Term(FIELD, String.valueOf(segment))), Occur.SHOULD);
      }
      query.add(either.build(), Occur.FILTER);
    }
    for (int segment : list(numbers)) {
      query.add(new TermQuery(new Term(FIELD, String.valueOf(segment))), Occur.MUST_NOT);
    }
    return query.build();
  }

  private static int[] list(IntBuffer numbers) {
    int[] values = new int[numbers.get()];
    numbers.get(values);
    return values;
  }

  private static Document document(int[] user) {
    Document document = new Document();
    for (int segment : user) {
      document.add(new StringField(FIELD, String.valueOf(segment), Field.Store.NO));
    }
    return document;
  }

  private int[] matching(Document document) throws IOException {
    return monitor.match(document, QueryMatch.SIMPLE_MATCHER).getMatches().stream()
        .mapToInt(match -> Integer.parseInt(match.getQueryId()))
        .toArray();
  }

  private double microsecondsAUser(List<int[]> asked) throws IOException {
    List<Document> documents = asked.stream().map(LucenePeer::document).toList();
    long found = 0;
    long started = System.nanoTime();
    for (Document document : documents) {
      found += matching(document).length;
    }
    long taken = System.nanoTime() - started;
    if (found < 0) {
      throw new IllegalStateException("the sum is only there so that nothing is optimized away");
    }
    return taken / 1e3 / asked.size();
  }

  private void write(List<int[]> asked, String path) throws IOException {
    try (DataOutputStream output = new DataOutputStream(new BufferedOutputStream(new FileOutputStream(path)))) {
      for (int[] user : asked) {
        int[] found = matching(document(user));
        Arrays.sort(found);
        output.writeInt(Integer.reverseBytes(found.length));
        for (int number : found) {
          output.writeInt(Integer.reverseBytes(number));
        }
      }
    }
  }
}
