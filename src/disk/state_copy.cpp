// SPDX-License-Identifier: MIT
#include "disk/state_copy.hpp"

#include "disk/file_io.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

namespace linstub::disk {

using base::Result;

std::unique_ptr<StateCopy> StateCopy::start(base::EventLoop &loop, const StateFile &file,
                                            std::optional<Target> target, Done done) {
  std::unique_ptr<StateCopy> copy(new StateCopy(loop, file, std::move(target), std::move(done)));
  copy->turn_ = loop.soon([raw = copy.get()] { raw->go_on(); });
  return copy;
}

void StateCopy::go_on() {
  Result<> gone_on = record_ ? copy_slice() : begin();
  const bool complete = gone_on && copied_ == record_->length;
  if (complete)
    gone_on = finish();
  if (!gone_on)
    return call_done(std::unexpected(std::move(gone_on).error()));
  if (complete)
    return call_done(record_->length);
  turn_ = loop_.soon([this] { go_on(); });
}

void StateCopy::call_done(Result<uint64_t> result) {
  auto done = std::move(done_);
  done(std::move(result));
}

Result<> StateCopy::begin() {
  wire::StateRecordBytes first{};
  if (TRY(read_at(file_.fd(), first, 0)) != first.size())
    return base::fail("the state disk is too short");
  record_ = TRY(wire::decode_state_record(first).transform_error(base::doing("the state disk")));
  buffer_.resize(std::min<uint64_t>(slice, record_->length));
  if (!target_ || target_->form == SavedForm::plain)
    return {};
  const SavedStateHeader header = saved_state_header();
  header_ = header.size();
  return write_at(target_->file, header, 0).transform_error(base::doing("copy the state"));
}

Result<> StateCopy::copy_slice() {
  auto part =
      std::span(buffer_).first(std::min<uint64_t>(buffer_.size(), record_->length - copied_));
  const size_t got = TRY(read_at(file_.fd(), part, wire::state_offset + copied_)
                             .transform_error(base::doing("the state disk")));
  if (got != part.size())
    return base::fail("the state disk ends before the state does");
  digest_.add(part);
  if (target_)
    TRY(write_at(target_->file, part, header_ + copied_)
            .transform_error(base::doing("copy the state")));
  copied_ += part.size();
  return {};
}

Result<> StateCopy::finish() {
  if (digest_.digest() != record_->digest)
    return base::fail("the state on the state disk is damaged: its digest is another one");
  const uint64_t end = header_ + record_->length;
  if (target_ && ::ftruncate(target_->file.get(), static_cast<off_t>(end)) != 0)
    return base::fail_errno(errno, "end the saved state at {} bytes", end);
  return {};
}

} // namespace linstub::disk
