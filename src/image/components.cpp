// SPDX-License-Identifier: MIT
#include "image/components.hpp"

#include "base/fd.hpp"
#include "base/process.hpp"
#include "image/copyright.hpp"

#include <algorithm>
#include <tuple>

namespace linstub::image {
namespace fs = std::filesystem;

namespace {

constexpr auto read_limit = std::chrono::seconds(60);

base::Result<std::string> installed_copyright(const fs::path &root, const std::string &package) {
  const fs::path file = root / "usr/share/doc" / package / "copyright";
  auto text = base::read_file(file, largest_copyright);
  if (!text)
    return base::fail("{}; a dpkg that is told to leave documentation out (path-exclude) has to "
                      "be told to keep this (path-include=/usr/share/doc/*/copyright), and the "
                      "package to be installed again",
                      text.error().message());
  return text;
}

// debian/copyright out of a source package's file of what Debian added to it.
base::Result<std::string> source_copyright(const SourcePackage &source) {
  for (const fs::path &file : source.files) {
    if (!file.filename().string().contains(".debian.tar."))
      continue;
    std::string text = TRY(base::run_checked({.argv = {"tar", "-xOf", file, "debian/copyright"}},
                                             base::Deadline::after(read_limit)));
    if (text.size() > largest_copyright)
      return base::fail("debian/copyright in {} has more than {} bytes", file.string(),
                        largest_copyright);
    return text;
  }
  return base::fail("the source package {} has no file of Debian's own", source.name);
}

class Collection {
public:
  void add(const Package &package, std::string part, std::string copyright,
           std::vector<std::string> licences) {
    found_.list.push_back({.name = package.name,
                           .version = package.version,
                           .part = std::move(part),
                           .copyright = manifest::digest_of(copyright),
                           .licences = std::move(licences)});
    found_.copyrights[package.name] = std::move(copyright);
  }

  void add(const Package &package, std::string part, std::string copyright) {
    // Not machine-readable: it has to be read.
    auto licences = licences_in(copyright).value_or(std::vector<std::string>());
    add(package, std::move(part), std::move(copyright), std::move(licences));
  }

  Components finish() {
    std::ranges::sort(found_.list, {}, [](const manifest::Component &component) {
      return std::tie(component.name, component.part);
    });
    return std::move(found_);
  }

private:
  Components found_;
};

} // namespace

base::Result<std::vector<Package>> linked_packages(const std::vector<ContentLine> &contents) {
  std::vector<std::string> names;
  for (const ContentLine &line : contents) {
    if (line.kind == ContentLine::Kind::linked)
      names.push_back(line.source);
  }
  return installed_packages(names, "the list of what is linked into the ramdisk's programs");
}

base::Result<Components> find_components(const std::vector<ContentLine> &contents,
                                         const ComponentSources &sources) {
  Collection collection;
  collection.add({.name = "linstub", .version = sources.linstub_version}, "/init",
                 std::string(own_licence()), {"MIT"});
  collection.add(sources.kernel, "kernel",
                 TRY(installed_copyright(sources.root, sources.kernel.name)));
  collection.add({.name = sources.qemu.name, .version = sources.qemu.version}, "ramdisk",
                 TRY(source_copyright(sources.qemu)));
  for (const Package &package : sources.ramdisk)
    collection.add(package, "ramdisk", TRY(installed_copyright(sources.root, package.name)));
  for (const ContentLine &line : contents) {
    if (line.kind != ContentLine::Kind::linked)
      continue;
    const auto package = std::ranges::find(sources.linked, line.source, &Package::name);
    if (package == sources.linked.end())
      return base::fail("it is not known which {} is linked into {}", line.source, line.path);
    collection.add(*package, line.path, TRY(installed_copyright(sources.root, package->name)));
  }
  return collection.finish();
}

} // namespace linstub::image
