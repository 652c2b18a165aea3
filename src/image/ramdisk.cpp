// SPDX-License-Identifier: MIT
#include "image/ramdisk.hpp"

#include "base/fd.hpp"
#include "base/process.hpp"
#include "image/closure.hpp"
#include "image/newc.hpp"
#include "wire/paths.hpp"

#include <algorithm>
#include <set>

namespace linstub::image {
namespace fs = std::filesystem;

namespace {

constexpr size_t largest_file = size_t{64} << 20;
constexpr auto strip_limit = std::chrono::seconds(60);
constexpr uint32_t program_permissions = 0755;
constexpr uint32_t data_permissions = 0644;
constexpr const char *library_directory = "/lib/x86_64-linux-gnu";
// The kernel starts it from the ramdisk itself; all else is in the file system that it mounts.
constexpr std::string_view init_path = "/init";

// What every stub domain has, and what those with a disk have beside it.
enum class Part : uint8_t { common, disk };

// A file that goes in: where to, where from, and by whom it was made.
struct Placed {
  std::string path;
  fs::path source;
  Origin origin = Origin::root;
  uint32_t permissions = data_permissions;
  Part part = Part::common;
};

class Assembly {
public:
  Assembly(const std::vector<ContentLine> &contents, const RamdiskSources &sources)
      : contents_(contents), sources_(sources) {}

  base::Result<Ramdisk> run() {
    for (const ContentLine &line : contents_)
      TRY(place(line).transform_error(base::doing("ramdisk: {}", line.path)));
    TRY(place_libraries());
    TRY(make_directories());
    TRY(load(Part::common));
    result_.init = TRY(write_newc(entries_));
    TRY(add_system_file());
    result_.archive = TRY(write_newc(std::move(entries_)));
    TRY(load(Part::disk));
    result_.system = TRY(sources_.pack(in_tree("/"), Packing::none));
    finish();
    return std::move(result_);
  }

private:
  [[nodiscard]] fs::path source_of(const ContentLine &line) const {
    switch (line.origin) {
    case Origin::root:
      return sources_.root / fs::path(line.source).relative_path();
    case Origin::qemu:
      return sources_.qemu / line.source;
    case Origin::init:
      return line.source.empty() ? sources_.init : sources_.init.parent_path() / line.source;
    }
    return {};
  }

  base::Result<> place(const ContentLine &line) {
    const fs::path source = source_of(line);
    switch (line.kind) {
    case ContentLine::Kind::directory:
      directories_.insert(line.path);
      break;
    case ContentLine::Kind::linked:
      break; // it is in the program already
    case ContentLine::Kind::library:
      extra_libraries_.push_back(line.path);
      break;
    case ContentLine::Kind::file:
      placed_.push_back({line.path, source, line.origin});
      break;
    case ContentLine::Kind::tree:
      return place_tree(line, source);
    case ContentLine::Kind::program: {
      const Part part = line.disk_only ? Part::disk : Part::common;
      const fs::path program = line.origin == Origin::root ? source : TRY(stripped(line, source));
      placed_.push_back({line.path, program, line.origin, program_permissions, part});
      programs_[part].push_back({fs::path(line.path).filename(), program});
      break;
    }
    }
    return {};
  }

  // What is built here may carry symbols; what is installed does not.
  [[nodiscard]] base::Result<fs::path> stripped(const ContentLine &line,
                                                const fs::path &source) const {
    fs::path copy = sources_.scratch / fs::path(line.path).filename();
    TRY(base::run_checked(
        {.argv = {"strip", "--strip-all", "--remove-section=.comment", "-o", copy, source}},
        base::Deadline::after(strip_limit)));
    return copy;
  }

  base::Result<> place_tree(const ContentLine &line, const fs::path &source) {
    std::error_code error;
    size_t count = 0;
    for (const auto &entry : fs::recursive_directory_iterator(source, error)) {
      if (!entry.is_regular_file())
        continue;
      placed_.push_back({(fs::path(line.path) / fs::relative(entry.path(), source)).string(),
                         entry.path(), line.origin});
      count++;
    }
    if (error || count == 0)
      return base::fail("no files in {}", source.string());
    return {};
  }

  base::Result<> place_libraries() {
    const auto directories = TRY(library_directories(sources_.root));
    TRY(place_libraries(Part::common, directories, extra_libraries_));
    return place_libraries(Part::disk, directories, {});
  }

  // Those that are not there already.
  base::Result<> place_libraries(Part part, const std::vector<std::string> &directories,
                                 const std::vector<std::string> &extra) {
    Closure closure = TRY(find_libraries(sources_.root, directories, programs_[part], extra));
    auto add = [&](Placed file) {
      if (!std::ranges::contains(placed_, file.path, &Placed::path))
        placed_.push_back(std::move(file));
    };
    for (Library &library : closure.libraries) {
      // One directory for all that the linker would find by itself: it looks there first.
      const std::string directory = fs::path(library.path).parent_path();
      const std::string path = std::ranges::contains(directories, directory)
                                   ? base::format("{}/{}", library_directory, library.name)
                                   : library.path;
      add({path, library.source, Origin::root, program_permissions, part});
    }
    if (!closure.interpreter.empty())
      add({closure.interpreter, sources_.root / fs::path(closure.interpreter).relative_path(),
           Origin::root, program_permissions, part});
    return {};
  }

  // The path in the root that dpkg knows a file by.
  base::Result<std::string> installed_path(const fs::path &source) const {
    std::error_code error;
    const fs::path real = fs::canonical(source, error);
    if (error)
      return base::fail("{}: {}", source.string(), error.message());
    return "/" + fs::relative(real, fs::canonical(sources_.root)).string();
  }

  base::Result<> load(Part part) {
    std::vector<std::string> installed;
    for (const Placed &file : placed_) {
      if (file.part == part && file.origin == Origin::root)
        installed.push_back(TRY(installed_path(file.source)));
    }
    std::ranges::sort(installed);
    const auto repeated = std::ranges::unique(installed);
    installed.erase(repeated.begin(), repeated.end());
    std::map<std::string, Package> packages;
    if (!installed.empty())
      packages = TRY(sources_.owners(installed));
    std::ranges::sort(placed_, {}, &Placed::path);
    for (const Placed &file : placed_) {
      if (file.part != part)
        continue;
      std::string content = TRY(base::read_file(file.source, largest_file)
                                    .transform_error(base::doing("ramdisk: {}", file.path)));
      Package origin;
      switch (file.origin) {
      case Origin::root:
        origin = packages[TRY(installed_path(file.source))];
        used_[origin.name] = origin;
        break;
      case Origin::qemu:
        origin = {"qemu", sources_.qemu_version};
        break;
      case Origin::init:
        origin = {"linstub", sources_.linstub_version};
        break;
      }
      result_.files.push_back(
          {file.path, origin.name, origin.version, manifest::digest_of(content)});
      TRY(put(file, std::move(content)).transform_error(base::doing("ramdisk: {}", file.path)));
    }
    return {};
  }

  void finish() {
    std::ranges::sort(result_.files, {}, &manifest::RamdiskFile::path);
    for (auto &[name, package] : used_)
      result_.packages.push_back(std::move(package));
  }

  base::Result<> put(const Placed &file, std::string content) {
    if (file.path == init_path) {
      entries_.push_back(
          {.path = file.path, .permissions = file.permissions, .data = std::move(content)});
      return {};
    }
    const fs::path target = in_tree(file.path);
    TRY(base::replace_file(target, content));
    return set_permissions(target, file.permissions);
  }

  // Where it lies until it is packed.
  [[nodiscard]] fs::path in_tree(const fs::path &path) const {
    return sources_.scratch / "system" / path.relative_path();
  }

  // Those that are named, those that files are in, and what they are in.
  base::Result<> make_directories() {
    for (const Placed &file : placed_)
      directories_.insert(fs::path(file.path).parent_path());
    std::set<fs::path> all;
    for (fs::path directory : directories_) {
      while (all.insert(directory).second)
        directory = directory.parent_path(); // in the end that of "/" is "/"
    }
    for (const fs::path &directory : all) {
      std::error_code error;
      fs::create_directories(in_tree(directory), error);
      if (error)
        return base::fail("make {}: {}", in_tree(directory).string(), error.message());
      TRY(set_permissions(in_tree(directory), program_permissions));
    }
    return {};
  }

  // Whatever the umask is.
  static base::Result<> set_permissions(const fs::path &path, uint32_t permissions) {
    std::error_code error;
    fs::permissions(path, fs::perms(permissions), error);
    if (error)
      return base::fail("set the permissions of {}: {}", path.string(), error.message());
    return {};
  }

  base::Result<> add_system_file() {
    entries_.push_back({.path = wire::system_file,
                        .permissions = data_permissions,
                        .data = TRY(sources_.pack(in_tree("/"), Packing::zstd))});
    return {};
  }

  const std::vector<ContentLine> &contents_;
  const RamdiskSources &sources_;
  std::vector<Placed> placed_;
  std::map<Part, std::vector<Program>> programs_;
  std::map<std::string, Package> used_;
  std::vector<std::string> extra_libraries_;
  std::set<std::string> directories_;
  std::vector<NewcEntry> entries_;
  Ramdisk result_;
};

} // namespace

base::Result<Ramdisk> make_ramdisk(const std::vector<ContentLine> &contents,
                                   const RamdiskSources &sources) {
  return Assembly(contents, sources).run();
}

} // namespace linstub::image
