// SPDX-License-Identifier: MIT
// The state disk, on a sparse file of the build directory: direct I/O needs a real file system.
#include "stub/state_streams.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <unistd.h>

namespace linstub::stub {
namespace {

using base::Deadline;
using std::chrono::seconds;
using ::testing::HasSubstr;

Deadline soon() { return Deadline::after(seconds(20)); }

class StateDisk : public ::testing::Test {
protected:
  void SetUp() override {
    path_ = base::format("state-disk-{}", ::getpid());
    auto file = base::open_file(path_, O_RDWR | O_CREAT | O_TRUNC);
    ASSERT_TRUE(file);
    ASSERT_EQ(::ftruncate(file->get(), static_cast<off_t>(wire::state_disk_size)), 0);
  }
  void TearDown() override { ::unlink(path_.c_str()); }

  static std::string pattern(size_t size) {
    std::string text(size, '\0');
    for (size_t i = 0; i < size; i++)
      text[i] = static_cast<char>(i * 7 + i / 251);
    return text;
  }

  void write(std::string_view text, size_t piece) {
    auto writer = StateWriter::open(path_);
    ASSERT_TRUE(writer) << writer.error().message();
    while (!text.empty()) {
      auto part = text.substr(0, piece);
      ASSERT_TRUE(writer->append(std::as_bytes(std::span(part)), soon()));
      text.remove_prefix(part.size());
    }
    auto record = writer->commit(soon());
    ASSERT_TRUE(record) << record.error().message();
  }

  std::string read() {
    auto reader = StateReader::open(path_, soon());
    EXPECT_TRUE(reader) << reader.error().message();
    std::string text;
    while (reader) {
      auto bytes = reader->next(soon());
      EXPECT_TRUE(bytes);
      if (!bytes || bytes->empty())
        break;
      text.append(reinterpret_cast<const char *>(bytes->data()), bytes->size());
    }
    return text;
  }

  void poke(off_t at, char byte) {
    auto file = base::open_file(path_, O_RDWR);
    ASSERT_TRUE(file);
    ASSERT_EQ(::pwrite(file->get(), &byte, 1, at), 1);
  }

  std::string refusal() {
    auto reader = StateReader::open(path_, soon());
    return reader ? "" : reader.error().message();
  }

  std::string path_;
};

TEST_F(StateDisk, GivesBackWhatWasWrittenInAnySizeAndPieces) {
  for (size_t size : {size_t{1}, size_t{511}, size_t{512}, sys::DirectDisk::chunk - 1,
                      sys::DirectDisk::chunk, sys::DirectDisk::chunk + 1, size_t{1'000'003}}) {
    std::string text = pattern(size);
    for (size_t piece : {size_t{997}, size_t{65536}, size}) {
      write(text, piece);
      EXPECT_EQ(read(), text) << size << " bytes in pieces of " << piece;
    }
  }
}

TEST_F(StateDisk, HoldsNothingBeforeTheCommit) {
  {
    auto writer = StateWriter::open(path_);
    ASSERT_TRUE(writer);
    std::string text = pattern(2 * sys::DirectDisk::chunk);
    ASSERT_TRUE(writer->append(std::as_bytes(std::span(text)), soon()));
  }
  EXPECT_THAT(refusal(), HasSubstr("no complete state"));
}

TEST_F(StateDisk, IsRefusedWithOneByteChangedAnywhere) {
  std::string text = pattern(10'000);
  write(text, 4096);
  for (off_t at : {0, 8, 12, 16, 24, 55, 56, 511, 4096, 4096 + 9'999}) {
    auto file = base::open_file(path_, O_RDWR);
    ASSERT_TRUE(file);
    char was = 0;
    ASSERT_EQ(::pread(file->get(), &was, 1, at), 1);
    poke(at, static_cast<char>(was ^ 0x40));
    EXPECT_NE(refusal(), "") << "at " << at;
    poke(at, was);
  }
  EXPECT_EQ(read(), text);
}

TEST_F(StateDisk, IsRefusedWhenTruncated) {
  write(pattern(10'000), 4096);
  ASSERT_EQ(::truncate(path_.c_str(), 8192), 0);
  EXPECT_THAT(refusal(), HasSubstr("truncated"));
}

TEST_F(StateDisk, TakesNoStateAtAllForAnError) {
  auto writer = StateWriter::open(path_);
  ASSERT_TRUE(writer);
  auto record = writer->commit(soon());
  ASSERT_FALSE(record);
  EXPECT_THAT(record.error().message(), HasSubstr("no state"));
}

class StateStreams : public StateDisk {
protected:
  void SetUp() override {
    StateDisk::SetUp();
    auto loop = base::EventLoop::create();
    ASSERT_TRUE(loop);
    loop_ = std::move(*loop);
    pipe_ = path_ + ".pipe";
  }

  std::unique_ptr<base::EventLoop> loop_;
  std::string pipe_;
};

// A child of the test is QEMU.
pid_t write_to(const std::string &pipe, const std::string &text) {
  pid_t child = ::fork();
  if (child == 0) {
    auto file = base::open_file(pipe, O_WRONLY);
    bool written = file && base::write_all(*file, text);
    ::_exit(written ? 0 : 1);
  }
  return child;
}

// A state larger than what a stub domain has passes with the memory of one piece.
TEST_F(StateStreams, SaveAndFeedALargeStateWithConstantMemory) {
  const std::string text = pattern(wire::longest_state); // 64 MiB, nearly; a stub domain has 32
  std::optional<base::Result<>> saved;
  auto save = StateSave::start(*loop_, {.disk = [this] { return path_; }, .pipe = pipe_},
                               {.ready = [&] { write_to(pipe_, text); },
                                .ended =
                                    [&](const base::Result<> &end) {
                                      saved = end;
                                      loop_->stop();
                                    }});
  rusage before{};
  ::getrusage(RUSAGE_SELF, &before);
  ASSERT_TRUE(loop_->run_until(soon()));
  ASSERT_TRUE(saved && *saved);
  auto pipe = base::make_pipe();
  ASSERT_TRUE(pipe);
  auto feed = StateFeed::start(*loop_, path_, std::move(pipe->write), soon(),
                               [&](const base::Result<> &end) { EXPECT_TRUE(end); });
  ASSERT_TRUE(feed) << feed.error().message();
  // QEMU reads.
  base::Sha256 digest;
  size_t total = 0;
  auto watch = loop_->watch(pipe->read.get(), EPOLLIN, [&](uint32_t) {
    std::array<std::byte, 65536> buffer;
    ssize_t got = ::read(pipe->read.get(), buffer.data(), buffer.size());
    if (got <= 0)
      return loop_->stop();
    digest.add(std::span(buffer).first(static_cast<size_t>(got)));
    total += static_cast<size_t>(got);
  });
  ASSERT_TRUE(loop_->run_until(soon()));
  EXPECT_EQ(total, text.size());
  EXPECT_EQ(digest.digest(), base::Sha256().add(text).digest());
  rusage after{};
  ::getrusage(RUSAGE_SELF, &after);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 8 * 1024) << "KiB more than before";
}

TEST_F(StateStreams, ASaveWhoseDiskDoesNotComeFailsInTime) {
  std::string why;
  auto save = StateSave::start(*loop_, {.disk = [] { return "no-such-disk"; }, .pipe = pipe_},
                               {.ready = [] { FAIL() << "it is not ready"; },
                                .ended =
                                    [&](const base::Result<> &end) {
                                      why = end ? "" : end.error().message();
                                      loop_->stop();
                                    }});
  ASSERT_TRUE(loop_->run_until(soon()));
  EXPECT_THAT(why, HasSubstr("no-such-disk"));
}

TEST_F(StateStreams, ASaveThatIsGivenUpLeavesNoPipe) {
  auto save = StateSave::start(*loop_, {.disk = [this] { return path_; }, .pipe = pipe_},
                               {.ready = [&] { loop_->stop(); }, .ended = [](auto &) {}});
  ASSERT_TRUE(loop_->run_until(soon()));
  ASSERT_EQ(::access(pipe_.c_str(), F_OK), 0);
  save.reset();
  EXPECT_NE(::access(pipe_.c_str(), F_OK), 0);
}

} // namespace
} // namespace linstub::stub
