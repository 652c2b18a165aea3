// SPDX-License-Identifier: MIT
#include "image/locked_inputs.hpp"

#include <algorithm>

namespace linstub::image {
namespace {

using manifest::Input;

std::string describe(const Input &input) {
  std::string what = base::format("{} {}", input.kind, input.name);
  if (!input.version.empty())
    what += " " + input.version;
  if (!input.file.empty() && input.file != input.name)
    what += ", file " + input.file;
  return what;
}

} // namespace

std::vector<std::string> differences(const std::vector<Input> &locked,
                                     const std::vector<Input> &found, Inputs extent) {
  auto same_thing = [](const Input &a) {
    return [&a](const Input &b) {
      // A file of a source package has its version in its name.
      return a.kind == b.kind && a.name == b.name &&
             (a.file == b.file || a.version != b.version || a.file.empty());
    };
  };
  std::vector<std::string> sentences;
  for (const Input &input : found) {
    if (std::ranges::contains(locked, input))
      continue;
    auto other = std::ranges::find_if(locked, same_thing(input));
    if (other == locked.end())
      sentences.push_back(base::format("the manifest has no {}", describe(input)));
    else if (other->version != input.version)
      sentences.push_back(
          base::format("the manifest has {}, here it is {}", describe(*other), input.version));
    else
      sentences.push_back(base::format("{} has SHA-256 {} in the manifest, here {}",
                                       describe(input), other->digest.sha256, input.digest.sha256));
  }
  if (extent == Inputs::complete) {
    for (const Input &input : locked) {
      if (std::ranges::none_of(found, same_thing(input)))
        sentences.push_back(
            base::format("{} is in the manifest, but is not used", describe(input)));
    }
  }
  std::ranges::sort(sentences);
  const auto repeated = std::ranges::unique(sentences);
  sentences.erase(repeated.begin(), repeated.end());
  return sentences;
}

} // namespace linstub::image
