// SPDX-License-Identifier: MIT
// SecondHost: another host beside the stage's, for migrations: two emulators, whose dom0s share a
// network, and a disk that this machine gives to both.
#pragma once

#include "base/process.hpp"
#include "scenario.hpp"

#include <filesystem>
#include <optional>

namespace linstub::lab {

class SecondHost {
public:
  // Takes minutes. The error says what could not be done.
  static base::Result<SecondHost> join();

  [[nodiscard]] const Host &host() const { return stage_.host(); }

  // Takes it down. Nothing is left of it.
  base::Result<> leave();

  // The disk, as either host has it: at first the same as the tiny guest's.
  static constexpr const char *disk = "/dev/nbd0";

  // The hosts on the guests' network.
  static constexpr const char *first_address = "10.77.0.1";
  static constexpr const char *second_address = "10.77.0.2";

  // Where a dom0 finds the machine that its emulator runs on, and so the other's port for ssh.
  static constexpr const char *outside = "10.0.2.2";

  // How each is let in by the other: a key, and options for ssh.
  static constexpr const char *key = "/root/.ssh/lab-hosts";
  static std::string ssh_options();

private:
  SecondHost(Stage stage, std::filesystem::path image)
      : stage_(std::move(stage)), image_(std::move(image)) {}
  base::Result<> give_disk();
  base::Result<> join_networks();

  Stage stage_;
  std::filesystem::path image_; // what is on the disk
  base::Child server_;          // of the disk
};

// Scenarios with two hosts, made once for all of a suite. They are ONLY_WHEN_THOROUGH.
template <class Base>
class OnTwoHosts : public Base {
protected:
  static void TearDownTestSuite() {
    if (second_) {
      auto left = second_->leave();
      EXPECT_TRUE(left) << why(left);
    }
    second_.reset();
  }

  void SetUp() override {
    if (!thorough())
      return;
    if (!second_) {
      auto joined = SecondHost::join();
      ASSERT_TRUE(joined) << why(joined);
      second_.emplace(std::move(*joined));
    }
    Base::SetUp();
    auto before = Inventory::take(other());
    ASSERT_TRUE(before) << why(before);
    before_there_ = std::move(*before);
  }

  void TearDown() override {
    if (this->IsSkipped())
      return;
    Base::TearDown();
    EXPECT_THAT(left_there(), ::testing::IsEmpty());
  }

  static const Host &other() { return second_->host(); }

  // A command that has to succeed there, or on either: what it says. The test fails if it does
  // otherwise.
  static std::string there(const std::string &command) { return on(other(), command); }
  static std::string on(const Host &host, const std::string &command, bool success = true) {
    auto output = host.run("{ " + command + "\n} 2>&1", command_limit);
    EXPECT_TRUE(output) << why(output);
    const std::string said = output ? output->out + output->err : "";
    EXPECT_EQ(output && output->status.success(), success) << said;
    return said;
  }

  // What is there that was not when the scenario began, after a while.
  std::vector<std::string> left_there() {
    std::vector<std::string> left;
    const auto deadline = base::Deadline::after(std::chrono::seconds(60));
    do {
      auto now = Inventory::take(other());
      EXPECT_TRUE(now) << why(now);
      left = now ? now->more_than(before_there_) : std::vector<std::string>{};
    } while (!left.empty() && !deadline.passed());
    return left;
  }

private:
  static constexpr std::chrono::seconds command_limit{500};

  static inline std::optional<SecondHost> second_;
  Inventory before_there_;
};

} // namespace linstub::lab
