// SPDX-License-Identifier: MIT
#include "image/copyright.hpp"

#include <gmock/gmock.h>

namespace linstub::image {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view header =
    "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n";

std::string error_of(const std::string &rest) {
  auto licences = licences_in(std::string(header) + rest);
  return licences ? "" : licences.error().message();
}

TEST(Copyright, TheShortNamesOfTheFilesLicencesAreTaken) {
  auto licences = licences_in(std::string(header) + "Upstream-Name: it\n"
                                                    "Comment:\n"
                                                    " License: not a field\n"
                                                    "#\ta comment\n"
                                                    "\n"
                                                    "Files: *\n"
                                                    "Copyright: somebody\n"
                                                    "License: LGPL-2.1+\n"
                                                    "\n"
                                                    "Files:\n"
                                                    " a/*\n"
                                                    " b/*\n"
                                                    "License:  GPL-2 or BSD-2-clause \n"
                                                    " its text\n"
                                                    " .\n"
                                                    " goes on\n"
                                                    " \n"
                                                    "files: c\n"
                                                    "LICENSE: LGPL-2.1+\n"
                                                    "\n"
                                                    "License: only-a-text\n"
                                                    " of which nothing is\n");
  ASSERT_TRUE(licences) << licences.error().message();
  EXPECT_THAT(*licences, ElementsAre("GPL-2 or BSD-2-clause", "LGPL-2.1+"));
}

TEST(Copyright, TheHeaderMayNameALicenceOfTheWhole) {
  auto licences =
      licences_in("format: http://www.debian.org/doc/packaging-manuals/copyright-format/1.0\r\n"
                  "License: LGPL-3+ or GPL-2+\r\n");
  ASSERT_TRUE(licences) << licences.error().message();
  EXPECT_THAT(*licences, ElementsAre("LGPL-3+ or GPL-2+"));
}

TEST(Copyright, AFileInAnotherFormatIsNotGuessedAt) {
  for (const char *text :
       {"", "\n\n", "This package was debianized by somebody.\n", "Files: *\nLicense: GPL-2\n",
        "Format: 1.0\n\nFiles: *\nLicense: GPL-2\n",
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.1/\n"})
    EXPECT_FALSE(licences_in(text)) << text;
}

TEST(Copyright, OneThatBreaksTheRulesSaysWhere) {
  EXPECT_THAT(error_of(""), HasSubstr("names no licence"));
  EXPECT_THAT(error_of("\nFiles: *\nCopyright: x\n"), HasSubstr("have no licence"));
  EXPECT_THAT(error_of("\nFiles: *\nLicense:\n The whole is released under the GPL.\n"),
              HasSubstr("\"\" is not the short name of a licence"));
  EXPECT_THAT(error_of("\nFiles: *\nLicense: GPL\x1b[31m\n"), HasSubstr("not the short name"));
  EXPECT_THAT(error_of("\nFiles: *\nLicense: " + std::string(201, 'x') + "\n"),
              HasSubstr("not the short name"));
  EXPECT_THAT(error_of("\nFiles: *\nLicense: GPL-2\nLicense: MIT\n"),
              HasSubstr("line 5: \"License\" is there twice"));
  EXPECT_THAT(error_of("\n goes on\n"), HasSubstr("line 3 goes on with a field"));
  EXPECT_THAT(error_of("\nno field\n"), HasSubstr("line 3: \"no field\" is not a field"));
}

TEST(Copyright, ItsSizeAndTheNumberOfLicencesAreBounded) {
  EXPECT_THAT(licences_in(std::string(largest_copyright + 1, '\n')).error().message(),
              HasSubstr("more than 1048576 bytes"));
  std::string many;
  for (int i = 0; i < 257; i++)
    many += base::format("\nFiles: {}\nLicense: L-{}\n", i, i);
  EXPECT_THAT(error_of(many), HasSubstr("more than 256 licences"));
}

} // namespace
} // namespace linstub::image
