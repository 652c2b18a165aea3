// SPDX-License-Identifier: MIT
#include "dm/state_save.hpp"
#include "dm/surroundings.hpp"

#include <optional>

namespace linstub::dm {
namespace {

using base::Deadline;
using base::Milliseconds;
using testing::HasSubstr;

class StateSaveTest : public Surroundings {
protected:
  void SetUp() override { connect(); }
  base::Result<> start() {
    save = TRY(StateSave::start(
        {.loop = *loop, .channel = *link.channel(), .monitors = *monitors, .host = *host},
        [this] { ready++; },
        [this](base::Result<SavedState> state) {
          ended.push_back(state ? "saved" : state.error().message());
          if (state)
            saved.emplace(std::move(*state));
          save.reset();
        }));
    return {};
  }
  void ask(Milliseconds time = Milliseconds(20'000), StateSave::Target target = {}) {
    save->save(SaveFor::elsewhere, Deadline::after(time), std::move(target));
  }
  void begin() {
    stub.asked.clear();
    ASSERT_TRUE(start());
    ask();
    until([this] { return stub.was_asked("xen-save-devices-state"); });
  }
  void take_disk_away() {
    bool gone = false;
    host->unplug_state([&](const base::Result<> &) { gone = true; });
    until([&] { return gone; });
    unplug(wire::state_disk);
  }
  // What it has come to.
  std::string end() {
    until([this] { return !ended.empty(); });
    return ended.front();
  }

  int ready = 0;
  std::vector<std::string> ended;
  std::optional<SavedState> saved;
  std::unique_ptr<StateSave> save;
};

TEST_F(StateSaveTest, SaysWhenASaveWouldBeginAtOnce) {
  stub.accepts_saves = false;
  ASSERT_TRUE(start());
  EXPECT_TRUE(is_plugged(wire::state_disk));
  await_save_stream();
  settle();
  EXPECT_FALSE(save->ready());
  EXPECT_EQ(ready, 0);
  stub.accept_save();
  until([this] { return ready == 1; });
  EXPECT_TRUE(save->ready());
  settle();
  EXPECT_FALSE(stub.was_asked("xen-save-devices-state"));
}

TEST_F(StateSaveTest, AsksQemuWhenLinstubInitIsReadyAndNotBefore) {
  stub.accepts_saves = false;
  ASSERT_TRUE(start());
  ask();
  await_save_stream();
  settle();
  EXPECT_FALSE(stub.was_asked("xen-save-devices-state"));
  stub.accept_save();
  until([this] { return stub.was_asked("xen-save-devices-state"); });
  EXPECT_EQ(ready, 0) << "it has begun";
}

TEST_F(StateSaveTest, IsDoneWhenQemuAndLinstubInitSaySoInEitherOrder) {
  stub.leave("xen-save-devices-state");
  begin();
  write_state("first");
  stub.commit();
  settle();
  EXPECT_TRUE(ended.empty()) << "QEMU has not said so";
  stub.finish("xen-save-devices-state");
  EXPECT_EQ(end(), "saved");
  EXPECT_EQ(saved->length, 5U);

  ended.clear();
  take_disk_away();
  begin();
  stub.finish("xen-save-devices-state");
  settle();
  EXPECT_TRUE(ended.empty()) << "linstub-init has not said so";
  write_state("the second");
  stub.commit();
  EXPECT_EQ(end(), "saved");
  EXPECT_EQ(saved->length, 10U);
}

TEST_F(StateSaveTest, DoesNotStartWhileAFormerDiskIsThere) {
  store.write(toolstack_node(wire::state_disk) + "/backend", "x");
  ASSERT_TRUE(start());
  EXPECT_THAT(end(), HasSubstr("a former one is still there"));
  EXPECT_TRUE(fake::loops().empty());
  until([this] { return !stub.has(wire::Service::save); });
  EXPECT_EQ(ready, 0);
}

TEST_F(StateSaveTest, FailsIfQemuCannotSave) {
  stub.refuse("xen-save-devices-state", "a device cannot");
  begin();
  EXPECT_EQ(end(), "QEMU cannot save its state: a device cannot");
}

TEST_F(StateSaveTest, TheReasonOfLinstubInitIsTheBetterOne) {
  stub.refuse("xen-save-devices-state", "broken pipe");
  begin();
  stub.close(wire::Service::save, "the disk\tis full");
  EXPECT_EQ(end(), "the stub domain cannot save QEMU's state: the disk?is full");
}

TEST_F(StateSaveTest, FailsIfLinstubInitRefusesItBeforeItWasAsked) {
  stub.accepts_saves = false;
  ASSERT_TRUE(start());
  await_save_stream();
  stub.close(wire::Service::save, "no disk");
  EXPECT_EQ(end(), "the stub domain cannot save QEMU's state: no disk");
}

TEST_F(StateSaveTest, FailsIfTheStubDomainSaysAnythingElse) {
  for (const char *text : {"X", "CC"}) {
    ended.clear();
    begin();
    stub.say_in(wire::Service::save, text);
    EXPECT_EQ(end(), "the stub domain breaks the protocol of saving") << text;
    take_disk_away();
    until([this] { return !stub.has(wire::Service::save); });
  }
}

TEST_F(StateSaveTest, FailsWhenTheTimeIsOver) {
  stub.leave("xen-save-devices-state");
  ASSERT_TRUE(start());
  ask(Milliseconds(50));
  EXPECT_EQ(end(), "the stub domain has not saved QEMU's state in time");
}

// As large as a state can be: its copy is work for many turns of the loop.
void fill_disk(const std::string &path) {
  auto disk = base::open_file(path, O_RDWR);
  ASSERT_TRUE(disk) << disk.error().message();
  base::Sha256 digest;
  const std::string zeros(size_t{1} << 20, '\0');
  for (uint64_t done = 0; done < wire::longest_state; done += zeros.size())
    digest.add(std::string_view(zeros).substr(0, wire::longest_state - done));
  auto record =
      wire::encode(wire::StateRecord{.length = wire::longest_state, .digest = digest.digest()});
  ASSERT_EQ(::pwrite(disk->get(), record.data(), record.size(), 0),
            static_cast<ssize_t>(record.size()));
}

TEST_F(StateSaveTest, AnythingElseGoesOnWhileALongStateIsCopied) {
  ASSERT_TRUE(start());
  base::Fd target = memory();
  ask(Milliseconds(20'000), disk::StateCopy::Target{.file = base::Fd(::dup(target.get()))});
  until([this] { return stub.was_asked("xen-save-devices-state"); });
  fill_disk(file_behind(wire::state_disk));
  stub.commit();
  int others = 0;
  std::function<void()> other;
  base::EventLoop::Handle next;
  other = [&] {
    others++;
    next = loop->soon(other);
  };
  other();
  EXPECT_EQ(end(), "saved");
  EXPECT_GT(others, static_cast<int>(wire::longest_state / disk::StateCopy::slice));
}

TEST_F(StateSaveTest, ACopyEndsWithTheSave) {
  ASSERT_TRUE(start());
  base::Fd target = memory();
  ask(Milliseconds(20'000), disk::StateCopy::Target{.file = base::Fd(::dup(target.get()))});
  until([this] { return stub.was_asked("xen-save-devices-state"); });
  fill_disk(file_behind(wire::state_disk));
  stub.commit();
  until([&] { return content_of(target).size() > disk::StateCopy::slice; });
  save.reset();
  const size_t copied = content_of(target).size();
  settle();
  EXPECT_EQ(content_of(target).size(), copied);
  EXPECT_TRUE(ended.empty());
}

TEST_F(StateSaveTest, AReplyThatComesTooLateFindsNobody) {
  stub.leave("xen-save-devices-state");
  begin();
  save.reset();
  stub.finish("xen-save-devices-state");
  settle();
  EXPECT_TRUE(ended.empty());
  EXPECT_FALSE(stub.has(wire::Service::save));
}

} // namespace
} // namespace linstub::dm
