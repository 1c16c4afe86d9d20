// One stream of COPY data to any number of receivers, read once: from a COPY … TO STDOUT, a file or
// a function, into COPY … FROM STDIN, files and functions. A receiver that fails is dropped and
// named while the others go on, and can be brought back. Belongs to one thread, which also calls
// the functions given to it.
//
//     using namespace pgstride;
//     CopyManager manager(
//         StatementProducer{.conninfo = "host=db1 dbname=shop",
//                           .statement = "COPY public.orders TO STDOUT WITH (FORMAT binary)"},
//         {StatementReceiver{.conninfo = "host=db2 dbname=shop",
//                            .statement = "COPY public.orders FROM STDIN WITH (FORMAT binary)"},
//          FileReceiver{.path = "orders.bin"}});
//     while (const auto moved = manager.next()) {
//       for (const Fault& fault : moved->faults) {
//         std::cerr << "receiver " << fault.receiver << ": " << fault.error.full_text() << '\n';
//       }
//     }
//     std::cout << manager.receiver(0).rows << " rows\n";
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "pgstride/error.hpp"
#include "pgstride/fault.hpp"

namespace pgstride {

/// How messages are told apart in bytes that are cut anywhere. `text` and `csv` as COPY … TO writes
/// them (csv with `"` for quote and escape): a message is a row with its line end, or the header
/// line. `binary`: a message is a tuple, the first with the header, and the trailer. `messages`:
/// each piece is one message already.
enum class CopyBoundaries { text, csv, binary, messages };

/// `COPY … TO STDOUT`. Sessions have pgstride's fixed settings (`search_path` is empty: qualify
/// names).
struct StatementProducer {
  std::string conninfo;
  std::string statement;
  /// Statements run first, e.g. BEGIN and SET TRANSACTION SNAPSHOT; rolled back at the end.
  std::string before = {};
};

/// A plain file, or anything that can be read like one, to its end.
struct FileProducer {
  std::filesystem::path path;
  CopyBoundaries boundaries = CopyBoundaries::text;
};

/// A function that gives the next bytes, valid until it is called again; none at the end. What it
/// throws ends the copy.
struct CallProducer {
  std::function<std::optional<std::string_view>()> next;
  CopyBoundaries boundaries = CopyBoundaries::messages;
};

using Producer = std::variant<StatementProducer, FileProducer, CallProducer>;

/// `COPY … FROM STDIN`, in a transaction of its own for each copy.
struct StatementReceiver {
  std::string conninfo;
  std::string statement;
  std::string before = {};  ///< statements run in the transaction before the COPY …
  std::string after = {};   ///< … and after it
};

/// A file that is there, whole and durable, when the copy has come to its end, and not before. A
/// second copy replaces it.
struct FileReceiver {
  std::filesystem::path path;
};

/// A function that is given whole messages, valid during the call. What it throws is its Fault; if
/// it is reconciled, the same messages come again.
struct CallReceiver {
  std::function<void(std::span<const std::string_view>)> take;
};

using Receiver = std::variant<StatementReceiver, FileReceiver, CallReceiver>;

struct CopyManagerOptions {
  /// Bytes of data handed on at a time, as whole messages, and read from a file at once; from 1 on.
  /// 64 kB and more are all as fast.
  std::size_t buffer_bytes = 128 << 10;
  /// While a receiver is so many bytes behind, nothing is read: what is held at most is this and
  /// one buffer, or one larger message, for all receivers together.
  std::size_t backlog_bytes = 1 << 20;
  /// A statement that takes nothing for so long has a Fault; it can be reconciled within the copy.
  /// 0: it is waited for.
  std::chrono::milliseconds stall_limit{0};
  std::string application_name = "pgstride/copy";
  /// Ends the copy with ErrorKind::stopped, without rows; if it comes during the last step, the
  /// commits, with those that were done (receiver() tells).
  std::stop_token stop = {};
};

/// What one call of next() has moved.
struct CopyProgress {
  std::int64_t messages = 0;
  std::int64_t bytes = 0;
  std::vector<Fault> faults;
};

/// `failed`: it has an error; `abandoned`: the whole copy was given up, or was not for it.
enum class ReceiverState { taking, done, failed, abandoned };

/// One receiver in the present copy.
struct ReceiverProgress {
  ReceiverState state = ReceiverState::taking;
  std::int64_t messages = 0;  ///< handed to it
  std::int64_t bytes = 0;
  /// Messages of this copy that it has not got, and that are to be redone for it alone: of a
  /// statement and a file all once it failed, of a function those behind the last that it took.
  std::int64_t missed_messages = 0;
  std::int64_t rows = 0;  ///< that the server says a `done` statement took
  bool in_doubt =
      false;  ///< the connection was lost during COMMIT: look whether the rows are there
  std::optional<Error> error;  ///< why it failed
};

/// How a receiver came back: in the copy that runs, of which it has missed nothing, or for the
/// next.
enum class Reconciled { now, at_next_copy };

class CopyManager {
 public:
  /// Connects to nothing yet. Throws Error (usage): no receiver, a buffer of 0 bytes.
  CopyManager(Producer producer, const std::vector<Receiver>& receivers,
              CopyManagerOptions options = {});
  CopyManager(CopyManager&&) noexcept;
  CopyManager& operator=(CopyManager&&) noexcept;
  /// Abandons a copy that is under way.
  ~CopyManager();

  /// Begins the copy with the first call, then moves data on until some was handed out or a
  /// receiver failed. None once the copy is over: each receiver that is left has all of it,
  /// durably.
  ///
  /// Throws Error, or what a producer's function threw, when the producer fails, no receiver is
  /// left (naming each with its error), or a stop is asked for: the copy is abandoned then.
  std::optional<CopyProgress> next();

  /// Calls next() until the copy is over.
  void run();

  /// Brings a failed receiver back. `now` if it has missed nothing of the running copy and can go
  /// on with it: a function, a file that could not be written, a stalled statement, or a statement
  /// that failed before there was data; to be called before next() then. Throws Error (usage) if
  /// it has not failed, and the Error of a statement that fails to begin again.
  Reconciled reconcile(std::size_t receiver);

  /// Makes ready for another copy, into these receivers (none named: all that are not failed, or
  /// are reconciled). Statements keep their sessions. Throws Error (usage) while a copy is under
  /// way.
  void start(Producer producer, std::vector<std::size_t> receivers = {});

  /// Gives the copy up: no receiver keeps rows of it (a function has what it took), each session
  /// can be used again or is closed.
  void abandon() noexcept;

  [[nodiscard]] std::size_t receivers() const;
  [[nodiscard]] ReceiverProgress receiver(std::size_t number) const;
  /// Of the present copy, handed out so far; final when it is over.
  [[nodiscard]] std::int64_t messages() const;
  [[nodiscard]] std::int64_t bytes() const;
  /// The largest backlog of a receiver in the present copy, in bytes.
  [[nodiscard]] std::size_t most_behind() const;

 private:
  class Copies;
  std::unique_ptr<Copies> m_copies;
};

}  // namespace pgstride
