#include <doctest/doctest.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "pgstride/copy_manager.hpp"
#include "support/temp_dir.hpp"

namespace pgstride {

namespace {

using Messages = std::vector<std::string>;

/// Bytes given in pieces of a size.
CallProducer pieces(std::string bytes, std::size_t size, CopyBoundaries boundaries) {
  auto at = std::make_shared<std::size_t>(0);
  return {[bytes = std::move(bytes), size, at]() -> std::optional<std::string_view> {
            if (*at >= bytes.size()) {
              return std::nullopt;
            }
            const auto begin = std::exchange(*at, *at + size);
            return std::string_view(bytes).substr(begin, size);
          },
          boundaries};
}

CallReceiver into(Messages& messages) {
  return {[&messages](std::span<const std::string_view> some) {
    messages.insert(messages.end(), some.begin(), some.end());
  }};
}

std::string joined(const Messages& messages) {
  std::string all;
  for (const auto& message : messages) {
    all += message;
  }
  return all;
}

std::string big_endian(std::uint32_t number, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) {
    text += static_cast<char>(number >> (8 * i));
  }
  return text;
}

Messages binary_messages(const std::vector<std::vector<std::optional<std::string>>>& tuples) {
  Messages messages;
  std::string next =
      std::string("PGCOPY\n\377\r\n\0", 11) + big_endian(0, 4) + big_endian(3, 4) + "ext";
  for (const auto& tuple : tuples) {
    next += big_endian(static_cast<std::uint32_t>(tuple.size()), 2);
    for (const auto& field : tuple) {
      next += field ? big_endian(static_cast<std::uint32_t>(field->size()), 4) + *field
                    : big_endian(0xffffffffU, 4);
    }
    messages.push_back(std::exchange(next, ""));
  }
  messages.push_back(next + big_endian(0xffffU, 2));
  return messages;
}

Messages numbered(int count) {
  Messages messages;
  for (int i = 0; i < count; ++i) {
    messages.push_back(std::to_string(i) + "\tvalue\n");
  }
  return messages;
}

}  // namespace

TEST_CASE("Message boundaries are kept, whatever the size of pieces and buffers") {
  struct Kind {
    CopyBoundaries boundaries;
    Messages messages;
  };
  const std::vector<Kind> kinds{
      {CopyBoundaries::text,
       {"1\ta\n", "\n", "2\tb\\\nstill 2\n", "3\t\\\\\n", "\\\\\\\n\n",
        std::string(700, 'x') + "\n", "no end"}},
      {CopyBoundaries::csv,
       {"h1,h2\n", "1,\"a\nb\"\n", "2,\"say \"\"x\"\"\n\"\n", "\n",
        "3,\"" + std::string(700, '\n') + "\"\n", "4,last"}},
      {CopyBoundaries::binary,
       binary_messages({{"a", std::nullopt, ""}, {}, {std::string(700, '\0')}, {"z"}, {}})},
      {CopyBoundaries::binary, binary_messages({})},
  };
  for (const auto& kind : kinds) {
    for (const std::size_t piece : {1UL, 2UL, 3UL, 11UL, 64UL, 129UL, 100'000UL}) {
      for (const std::size_t buffer : {1UL, 11UL, 129UL, 131'072UL}) {
        Messages got;
        CopyManager manager(pieces(joined(kind.messages), piece, kind.boundaries), {into(got)},
                            {.buffer_bytes = buffer});
        manager.run();
        CHECK(got == kind.messages);
        CHECK(manager.messages() == static_cast<std::int64_t>(kind.messages.size()));
        CHECK(manager.receiver(0).state == ReceiverState::done);
      }
    }
  }
}

TEST_CASE("A file goes to a file byte by byte, and each next() tells what it moved") {
  test::TempDir dir;
  const auto bytes = joined(numbered(5000));
  test::write_text(dir / "in", bytes);
  CopyManager manager(FileProducer{.path = dir / "in"}, {FileReceiver{.path = dir / "out"}},
                      {.buffer_bytes = 1000});
  std::int64_t messages = 0;
  std::int64_t moved_bytes = 0;
  while (const auto moved = manager.next()) {
    CHECK(moved->bytes < 2100);
    CHECK_FALSE(std::filesystem::exists(dir / "out"));
    messages += moved->messages;
    moved_bytes += moved->bytes;
  }
  CHECK(messages == 5000);
  CHECK(moved_bytes == static_cast<std::int64_t>(bytes.size()));
  CHECK(test::read_text(dir / "out") == bytes);
}

TEST_CASE("Data that are cut short end the copy, and no file appears") {
  const auto binary = joined(binary_messages({{"a"}, {"b"}}));
  for (const auto& [bytes, boundaries] : std::vector<std::pair<std::string, CopyBoundaries>>{
           {binary.substr(0, binary.size() - 1), CopyBoundaries::binary},
           {binary + "x", CopyBoundaries::binary},
           {"", CopyBoundaries::binary},
           {"1,\"a\n", CopyBoundaries::csv}}) {
    test::TempDir dir;
    CopyManager manager(pieces(bytes, 5, boundaries), {FileReceiver{.path = dir / "out"}});
    CHECK_THROWS_AS(manager.run(), Error);
    CHECK(manager.receiver(0).state == ReceiverState::abandoned);
    CHECK(std::filesystem::is_empty(dir.path()));
  }
}

TEST_CASE(
    "A function that throws is named in a Fault, the others go on, and what it missed is known") {
  Messages got;
  Messages kept;
  int calls = 0;
  const auto messages = numbered(1000);
  CopyManager manager(pieces(joined(messages), 100, CopyBoundaries::text),
                      {into(got), CallReceiver{[&](std::span<const std::string_view> some) {
                         if (++calls > 3) {
                           throw std::runtime_error("enough");
                         }
                         kept.insert(kept.end(), some.begin(), some.end());
                       }}},
                      {.buffer_bytes = 500});
  std::vector<Fault> faults;
  while (const auto moved = manager.next()) {
    faults.insert(faults.end(), moved->faults.begin(), moved->faults.end());
  }
  REQUIRE(faults.size() == 1);
  CHECK(faults[0].receiver == 1);
  CHECK(std::string(faults[0].error.what()) == "enough");
  CHECK(got == messages);
  CHECK(manager.receiver(0).missed_messages == 0);
  CHECK(manager.receiver(1).state == ReceiverState::failed);
  CHECK(manager.receiver(1).missed_messages == static_cast<std::int64_t>(1000 - kept.size()));

  // What it missed is redone for it alone.
  calls = 0;
  const Messages missed(messages.begin() + static_cast<std::ptrdiff_t>(kept.size()),
                        messages.end());
  CHECK(manager.reconcile(1) == Reconciled::at_next_copy);
  manager.start(pieces(joined(missed).substr(0, 1000), 100, CopyBoundaries::text), {1});
  manager.run();
  CHECK(manager.receiver(0).state == ReceiverState::abandoned);
  CHECK(manager.receiver(1).state == ReceiverState::done);
  CHECK(joined(kept) == joined(messages).substr(0, joined(kept).size()));
}

TEST_CASE("A receiver reconciled before it missed anything gets the same messages again") {
  Messages got;
  int calls = 0;
  const auto messages = numbered(1000);
  CopyManager manager(pieces(joined(messages), 100, CopyBoundaries::text),
                      {CallReceiver{[&](std::span<const std::string_view> some) {
                        if (++calls % 2 == 0) {
                          throw Error(ErrorKind::lock, "not now");
                        }
                        got.insert(got.end(), some.begin(), some.end());
                      }}},
                      {.buffer_bytes = 500});
  int faults = 0;
  while (const auto moved = manager.next()) {
    for (const auto& fault : moved->faults) {
      ++faults;
      CHECK(fault.error.kind() == ErrorKind::lock);
      CHECK(manager.reconcile(fault.receiver) == Reconciled::now);
    }
  }
  CHECK(faults > 5);
  CHECK(got == messages);
  CHECK(manager.receiver(0).missed_messages == 0);
}

TEST_CASE("When no receiver is left the error names each, and a reconciled one has the next copy") {
  Messages got;
  bool refuse = true;
  const auto receiver = [&](const std::string& why) {
    return CallReceiver{[&, why](std::span<const std::string_view> some) {
      if (refuse) {
        throw std::runtime_error(why);
      }
      got.insert(got.end(), some.begin(), some.end());
    }};
  };
  CopyManager manager(pieces("1\n2\n", 100, CopyBoundaries::text),
                      {receiver("first"), receiver("second")});
  CHECK_THROWS_WITH(manager.run(), "no receiver is left: receiver 0: first; receiver 1: second");
  CHECK_FALSE(manager.next().has_value());
  CHECK_THROWS_WITH(manager.start(pieces("1\n", 1, CopyBoundaries::text)),
                    "every receiver has failed");
  refuse = false;
  CHECK(manager.reconcile(1) == Reconciled::at_next_copy);
  CHECK_THROWS_WITH(manager.reconcile(1), "receiver 1 has not failed");
  manager.start(pieces("1\n2\n3\n", 100, CopyBoundaries::text));
  manager.run();
  CHECK(got == Messages{"1\n", "2\n", "3\n"});
}

TEST_CASE("What a producer throws comes out as it is, and no file appears") {
  struct Unusual {};
  test::TempDir dir;
  int calls = 0;
  CopyManager manager(CallProducer{[&]() -> std::optional<std::string_view> {
                        if (++calls > 100) {
                          throw Unusual{};
                        }
                        return "a row\n";
                      }},
                      {FileReceiver{.path = dir / "out"}}, {.buffer_bytes = 20});
  CHECK_THROWS_AS(manager.run(), Unusual);
  CHECK(std::filesystem::is_empty(dir.path()));
}

TEST_CASE("A manager that is dropped in the middle leaves no file") {
  test::TempDir dir;
  {
    CopyManager manager(pieces(joined(numbered(1000)), 10, CopyBoundaries::text),
                        {FileReceiver{.path = dir / "out"}}, {.buffer_bytes = 100});
    CHECK(manager.next()->messages > 0);
    auto moved = std::move(manager);
    CHECK(moved.next()->messages > 0);
  }
  CHECK(std::filesystem::is_empty(dir.path()));
}

TEST_CASE("A file that can't be made is a Fault at the start, and can join once it can") {
  test::TempDir dir;
  Messages got;
  const auto messages = numbered(100);
  CopyManager manager(pieces(joined(messages), 10, CopyBoundaries::text),
                      {into(got), FileReceiver{.path = dir / "sub" / "out"}},
                      {.buffer_bytes = 100});
  const auto first = manager.next();
  REQUIRE(first->faults.size() == 1);
  CHECK(first->faults[0].error.kind() == ErrorKind::io);
  CHECK_THROWS_AS(manager.reconcile(1), Error);
  std::filesystem::create_directory(dir / "sub");
  CHECK(manager.reconcile(1) == Reconciled::now);
  manager.run();
  CHECK(test::read_text(dir / "sub" / "out") == joined(messages));
}

TEST_CASE("A file on a full disk goes on within the copy once there is space") {
  const auto small = test::SmallFileSystem::mount(64 << 10);
  if (!small) {
    MESSAGE("SKIPPED: no file system can be mounted here");
    return;
  }
  Messages got;
  const auto messages = numbered(20'000);
  CopyManager manager(pieces(joined(messages), 4096, CopyBoundaries::text),
                      {into(got), FileReceiver{.path = small->path() / "out"}},
                      {.buffer_bytes = 5000});
  int faults = 0;
  while (const auto moved = manager.next()) {
    for (const auto& fault : moved->faults) {
      ++faults;
      CHECK(fault.receiver == 1);
      CHECK(fault.error.kind() == ErrorKind::io);
      small->resize(1 << 20);
      CHECK(manager.reconcile(1) == Reconciled::now);
    }
  }
  CHECK(faults == 1);
  CHECK(test::read_text(small->path() / "out") == joined(messages));
}

TEST_CASE("A stop ends the copy") {
  std::stop_source stop;
  test::TempDir dir;
  CopyManager manager(CallProducer{[&]() -> std::optional<std::string_view> {
                        stop.request_stop();
                        return "a row\n";
                      }},
                      {FileReceiver{.path = dir / "out"}},
                      {.buffer_bytes = 1, .stop = stop.get_token()});
  CHECK_THROWS_AS(manager.run(), Error);
  CHECK(std::filesystem::is_empty(dir.path()));
}

TEST_CASE("What makes no sense is refused") {
  Messages got;
  const auto producer = pieces("", 1, CopyBoundaries::text);
  CHECK_THROWS_WITH(CopyManager(producer, {}), "a copy without a receiver");
  CHECK_THROWS_WITH(CopyManager(producer, {into(got)}, {.buffer_bytes = 0}), "a buffer of 0 bytes");
  CopyManager manager(pieces("1\n2\n", 2, CopyBoundaries::text), {into(got)}, {.buffer_bytes = 1});
  CHECK(manager.next().has_value());
  CHECK_THROWS_WITH(manager.start(producer), "a copy is under way");
  CHECK_THROWS_WITH(manager.reconcile(3), "no receiver 3: there are 1, counted from 0");
  CHECK_THROWS_WITH(manager.reconcile(0), "receiver 0 has not failed");
  manager.abandon();
  CHECK_FALSE(manager.next().has_value());
  CHECK_THROWS_AS(CopyManager(FileProducer{.path = "/nonexistent"}, {into(got)}).run(), Error);
}

}  // namespace pgstride
