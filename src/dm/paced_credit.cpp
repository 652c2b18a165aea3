// SPDX-License-Identifier: MIT
#include "dm/paced_credit.hpp"

namespace linstub::dm {
namespace {

constexpr base::Milliseconds between_payments{100};

} // namespace

void PacedCredit::start(Channel &channel, wire::StreamId stream) {
  channel_ = &channel;
  stream_ = stream;
  owed_ = 0;
}

void PacedCredit::stop() {
  channel_ = nullptr;
  owed_ = 0;
  later_.reset();
}

void PacedCredit::consume(size_t count) {
  if (channel_ == nullptr)
    return;
  const bool waiting = owed_ != 0;
  owed_ += count;
  if (!waiting)
    pay();
}

void PacedCredit::pay() {
  const uint64_t paid = bucket_.take_some(owed_, base::Clock::now());
  owed_ -= paid;
  if (owed_ != 0)
    later_ = loop_.at(base::Deadline::after(between_payments), [this] { pay(); });
  if (paid != 0)
    channel_->consume(stream_, paid); // last: it may end all this
}

} // namespace linstub::dm
