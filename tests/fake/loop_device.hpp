// Loop devices, which a machine that only runs tests may not have: names and numbers for files that
// must be there, and nothing behind them.
#pragma once

#include <string>
#include <vector>

namespace linstub::fake {

// The files that have one now. A test clears it, for there is one list for the process.
std::vector<std::string> &loops();

} // namespace linstub::fake
