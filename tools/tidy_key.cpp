// SPDX-License-Identifier: MIT
#include "tools/tidy_key.hpp"

#include "base/fd.hpp"
#include "base/sha256.hpp"

#include <algorithm>
#include <sstream>

namespace linstub::tools {
namespace fs = std::filesystem;

namespace {

constexpr size_t largest_source = size_t{4} << 20;
constexpr size_t key_length = 32;

// Only in quotes: what stands in angle brackets is not the project's.
std::vector<std::string> includes_in(const std::string &text) {
  std::vector<std::string> names;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string hash;
    words >> hash;
    if (hash == "#")
      words >> hash;
    else if (hash.starts_with('#'))
      hash.erase(0, 1);
    else
      continue;
    size_t begin = line.find('"');
    size_t end = line.rfind('"');
    if (hash.starts_with("include") && begin < end)
      names.push_back(line.substr(begin + 1, end - begin - 1));
  }
  return names;
}

} // namespace

std::vector<std::string> options_of(std::string_view command, const std::string &checkout) {
  std::vector<std::string> options;
  std::istringstream words{std::string(command)};
  for (std::string word; words >> word;) {
    if (word == "-o" || word == "-c")
      words >> word; // a name of a file, which is not kept
    else if (word.starts_with('-')) {
      for (size_t at = 0; (at = word.find(checkout, at)) != std::string::npos;)
        word.replace(at, checkout.size(), ".");
      options.push_back(std::move(word));
    }
  }
  return options;
}

base::Result<const TidyKeys::File *> TidyKeys::look(const fs::path &path) {
  if (auto known = files_.find(path); known != files_.end())
    return &known->second;
  const std::string text = TRY(base::read_file(checkout_ / path, largest_source));
  return &files_.emplace(path, File{base::sha256(text), includes_in(text)}).first->second;
}

base::Result<std::set<fs::path>> TidyKeys::read_for(const fs::path &source,
                                                    const std::vector<fs::path> &directories) {
  std::set<fs::path> found{source};
  std::vector<fs::path> rest{source};
  for (fs::path folder = source; folder.has_relative_path();) {
    folder = folder.parent_path();
    fs::path checks = folder / ".clang-tidy";
    std::error_code error;
    if (fs::is_regular_file(checkout_ / checks, error))
      found.insert(std::move(checks));
  }
  while (!rest.empty()) {
    const fs::path path = std::move(rest.back());
    rest.pop_back();
    const File *file = TRY(look(path));
    for (const std::string &name : file->includes) {
      std::vector<fs::path> places{path.parent_path()};
      places.insert(places.end(), directories.begin(), directories.end());
      for (const fs::path &place : places) {
        fs::path included = (place / name).lexically_normal();
        std::error_code error;
        if (!fs::is_regular_file(checkout_ / included, error))
          continue;
        if (found.insert(included).second)
          rest.push_back(std::move(included));
        break;
      }
    }
  }
  return found;
}

base::Result<std::string> TidyKeys::key(const Source &source) {
  base::Sha256 hash;
  auto add = [&](const std::string &text) { hash.add(base::format("{}:{}\n", text.size(), text)); };
  add(common_);
  std::vector<fs::path> directories;
  for (const std::string &command : source.commands) {
    for (const std::string &option : options_of(command, checkout_.string())) {
      add(option);
      if (option.starts_with("-I./"))
        directories.emplace_back(option.substr(4));
    }
  }
  for (const fs::path &path : TRY(read_for(source.file, directories))) {
    add(path.string());
    add(TRY(look(path))->digest);
  }
  return hash.hex().substr(0, key_length);
}

} // namespace linstub::tools
