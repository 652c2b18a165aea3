// SPDX-License-Identifier: MIT
#include "lab/kernel_modules.hpp"

#include "base/fd.hpp"
#include "base/process.hpp"

#include <algorithm>
#include <map>

namespace linstub::lab {
namespace fs = std::filesystem;

using base::Deadline;

namespace {

constexpr size_t largest_file = size_t{16} << 20;

base::Result<std::string> run(std::vector<std::string> argv) {
  return base::run_checked({.argv = std::move(argv)}, Deadline::after(std::chrono::minutes(3)));
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> found;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    if (end > 0)
      found.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return found;
}

// A file of an ext4 image, without mounting it.
base::Result<std::string> read_from_image(const fs::path &image, const std::string &path,
                                          const fs::path &work) {
  const fs::path copy = work / "file";
  std::error_code error;
  fs::remove(copy, error);
  TRY(run({"debugfs", "-R", base::format("dump {} {}", path, copy.string()), image.string()}));
  // debugfs exits with 0 in any case.
  return base::read_file(copy, largest_file).transform_error(base::doing("read {}", path));
}

} // namespace

std::string module_name(std::string_view path) {
  path.remove_prefix(std::min(path.rfind('/') + 1, path.size()));
  return std::string(path.substr(0, path.find('.')));
}

base::Result<std::vector<std::string>> module_order(std::string_view dependencies,
                                                    const std::vector<std::string> &names) {
  std::map<std::string, std::vector<std::string_view>, std::less<>> known; // by name: its files
  while (!dependencies.empty()) {
    const size_t end = std::min(dependencies.find('\n'), dependencies.size());
    const std::string_view line = dependencies.substr(0, end);
    dependencies.remove_prefix(std::min(end + 1, dependencies.size()));
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos)
      continue;
    std::vector<std::string_view> files = words(line.substr(colon + 1));
    std::ranges::reverse(files);
    files.push_back(line.substr(0, colon));
    known.emplace(module_name(line.substr(0, colon)), std::move(files));
  }
  std::vector<std::string> order;
  for (const std::string &name : names) {
    const auto found = known.find(name);
    if (found == known.end())
      return base::fail("this kernel has no module {}", name);
    for (const std::string_view file : found->second) {
      if (std::ranges::find(order, file) == order.end())
        order.emplace_back(file);
    }
  }
  return order;
}

base::Result<std::vector<Module>>
read_modules(const Dom0 &dom0, const std::vector<std::string> &names, const fs::path &work) {
  const std::string release = TRY(base::read_file(dom0.kernel_release(), 256));
  const std::string directory = base::format("/usr/lib/modules/{}", release);
  const fs::path image = work / "dom0.img";
  TRY(run({"qemu-img", "convert", "-O", "raw", dom0.disk().string(), image.string()}));
  const std::string dependencies = TRY(read_from_image(image, directory + "/modules.dep", work));
  std::vector<Module> modules;
  const std::vector<std::string> order = TRY(module_order(dependencies, names));
  for (const std::string &file : order) {
    std::string content = TRY(read_from_image(image, base::format("{}/{}", directory, file), work));
    if (file.ends_with(".xz"))
      content = TRY(run({"xz", "-dc", (work / "file").string()}));
    modules.push_back({.name = module_name(file), .content = std::move(content)});
  }
  std::error_code error;
  fs::remove(image, error);
  return modules;
}

} // namespace linstub::lab
