// SPDX-License-Identifier: MIT
#include "cli/complete.hpp"

#include <gmock/gmock.h>

namespace linstub::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Complete : public ::testing::Test {
protected:
  Complete() {
    program_.add_flag("-v,--verbose", verbose_);
    program_.add_subcommand("status")->add_flag("--json", verbose_);
    auto *lab = program_.add_subcommand("lab");
    lab->add_option("--config", text_);
    auto *up = lab->add_subcommand("up");
    up->add_option("--name,-n", text_);
    up->add_option("--life", text_);
    lab->add_subcommand("down");
    program_.add_subcommand("secret")->group("");
  }

  std::vector<std::string> after(const std::vector<std::string> &words) {
    return completions(program_, words);
  }

private:
  CLI::App program_{"a program", "program"};
  bool verbose_ = false;
  std::string text_;
};

TEST_F(Complete, NamesTheCommandsThatAreShown) {
  EXPECT_THAT(after({""}), ElementsAre("lab", "status"));
}

TEST_F(Complete, KeepsToWhatIsTyped) { EXPECT_THAT(after({"st"}), ElementsAre("status")); }

TEST_F(Complete, NamesTheCommandsOfACommand) {
  EXPECT_THAT(after({"lab", ""}), ElementsAre("down", "up"));
}

TEST_F(Complete, NamesTheOptionsOfTheCommandThatStandsThere) {
  EXPECT_THAT(after({"lab", "up", "--"}), ElementsAre("--help", "--life", "--name"));
  EXPECT_THAT(after({"status", "--j"}), ElementsAre("--json"));
}

TEST_F(Complete, LeavesValuesToTheShell) {
  EXPECT_THAT(after({"lab", "up", "--name", ""}), IsEmpty());
  EXPECT_THAT(after({"lab", "up", "-n", "--"}), IsEmpty());
}

TEST_F(Complete, DoesNotTakeAValueForACommand) {
  EXPECT_THAT(after({"lab", "--config", "up", "d"}), ElementsAre("down"));
  EXPECT_THAT(after({"lab", "--config=up", "d"}), ElementsAre("down"));
}

TEST_F(Complete, AFlagHasNoValue) { EXPECT_THAT(after({"-v", "st"}), ElementsAre("status")); }

TEST_F(Complete, HasNothingToSayWithoutAWord) { EXPECT_THAT(after({}), IsEmpty()); }

} // namespace
} // namespace linstub::cli
