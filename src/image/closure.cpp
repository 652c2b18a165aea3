// SPDX-License-Identifier: MIT
#include "image/closure.hpp"

#include "base/fd.hpp"
#include "image/elf.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <sstream>

namespace linstub::image {
namespace fs = std::filesystem;

namespace {

constexpr size_t largest_object = size_t{256} << 20;
constexpr size_t largest_configuration = 64 << 10;
constexpr size_t most_libraries = 512;

// "a" -> "a", "a, which needs b" for the rest of a chain.
std::string chain_text(const std::vector<std::string> &chain) {
  std::string text = chain.front();
  for (size_t i = 1; i < chain.size(); i++)
    text += base::format("{} needs {}", i == 1 ? "" : ", which", chain[i]);
  return text;
}

fs::path below(const fs::path &root, std::string_view path) {
  return root / fs::path(path).relative_path();
}

base::Result<ElfObject> read_object(const fs::path &file) {
  const std::string content = TRY(base::read_file(file, largest_object));
  return parse_elf(std::as_bytes(std::span(content)))
      .transform_error(base::doing("read {}", file.string()));
}

// $ORIGIN in a RUNPATH is the directory of the object that has it.
std::string expand_origin(std::string path, const std::string &origin) {
  for (const std::string_view token : {"$ORIGIN", "${ORIGIN}"}) {
    for (size_t at = path.find(token); at != std::string::npos; at = path.find(token, at)) {
      path.replace(at, token.size(), origin);
      at += origin.size();
    }
  }
  return fs::path(path).lexically_normal();
}

// An object whose needs are to be looked up.
struct Pending {
  ElfObject object;
  std::string directory; // in the root; empty for a program from outside of it
  std::vector<std::string> chain;
};

class Search {
public:
  Search(fs::path root, const std::vector<std::string> &directories)
      : root_(std::move(root)), directories_(directories) {}

  base::Result<> add_program(const Program &program) {
    ElfObject object = TRY(read_object(program.file));
    if (!object.interpreter.empty()) {
      if (!closure_.interpreter.empty() && closure_.interpreter != object.interpreter)
        return base::fail("{} wants the dynamic linker {}, another program wants {}", program.name,
                          object.interpreter, closure_.interpreter);
      closure_.interpreter = object.interpreter;
    }
    pending_.push_back({std::move(object), "", {program.name}});
    return {};
  }

  base::Result<> add_library(const std::string &name) {
    return want(name, {}, {"the image", name});
  }

  base::Result<Closure> finish() {
    while (!pending_.empty()) {
      Pending next = std::move(pending_.front());
      pending_.pop_front();
      // Where there is a RUNPATH, RPATH does not count.
      std::vector<std::string> own =
          next.object.runpath.empty() ? next.object.rpath : next.object.runpath;
      for (std::string &directory : own)
        directory = expand_origin(directory, next.directory);
      for (const std::string &name : next.object.needed) {
        std::vector<std::string> chain = next.chain;
        chain.push_back(name);
        TRY(want(name, own, std::move(chain)));
      }
    }
    for (auto &[name, library] : found_)
      closure_.libraries.push_back(std::move(library));
    return std::move(closure_);
  }

private:
  base::Result<> want(const std::string &name, const std::vector<std::string> &own,
                      std::vector<std::string> chain) {
    if (found_.contains(name) || name == fs::path(closure_.interpreter).filename())
      return {};
    if (found_.size() == most_libraries)
      return base::fail("{}: that makes more than {} libraries", chain_text(chain), most_libraries);
    if (name.empty() || name.contains('/'))
      return base::fail("{}: \"{}\" is not the plain name of a library", chain_text(chain), name);
    std::vector<std::string> tried = own;
    tried.insert(tried.end(), directories_.begin(), directories_.end());
    std::string unfit;
    for (const std::string &directory : tried) {
      const fs::path file = below(root_, directory) / name;
      std::error_code error;
      if (!fs::is_regular_file(file, error))
        continue;
      // As the linker does: one that cannot be used is passed over, another may follow.
      auto object = read_object(file);
      if (!object) {
        unfit = base::format(" ({})", object.error().message());
        continue;
      }
      found_[name] = {name, (fs::path(directory) / name).lexically_normal(), file};
      pending_.push_back({*std::move(object), directory, std::move(chain)});
      return {};
    }
    return base::fail("{}: no such library in {}{}", chain_text(chain), base::join(tried, ", "),
                      unfit);
  }

  fs::path root_;
  const std::vector<std::string> &directories_;
  std::deque<Pending> pending_;
  std::map<std::string, Library> found_;
  Closure closure_;
};

} // namespace

base::Result<std::vector<std::string>> library_directories(const fs::path &root) {
  std::vector<std::string> directories;
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto &entry : fs::directory_iterator(root / "etc/ld.so.conf.d", error)) {
    if (entry.path().extension() == ".conf")
      files.push_back(entry.path());
  }
  std::ranges::sort(files);
  for (const fs::path &file : files) {
    std::istringstream lines(TRY(base::read_file(file, largest_configuration)));
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with('/'))
        directories.push_back(line.substr(0, line.find_first_of(" \t#")));
    }
  }
  for (const char *built_in :
       {"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib", "/usr/lib"}) {
    if (!std::ranges::contains(directories, built_in))
      directories.emplace_back(built_in);
  }
  return directories;
}

base::Result<Closure> find_libraries(const fs::path &root,
                                     const std::vector<std::string> &directories,
                                     const std::vector<Program> &programs,
                                     const std::vector<std::string> &extra) {
  Search search(root, directories);
  for (const Program &program : programs)
    TRY(search.add_program(program));
  for (const std::string &name : extra)
    TRY(search.add_library(name));
  return search.finish();
}

} // namespace linstub::image
