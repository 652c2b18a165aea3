// SPDX-License-Identifier: MIT
#include "broker/surroundings.hpp"
#include "fake/image_lock.hpp"

namespace linstub::broker {
namespace {

using testing::Contains;
using testing::Not;

// The guest's PV driver has a disk from the stub domain, and libxl detaches it.
class ADiskThatIsDetached : public Surroundings {
protected:
  ADiskThatIsDetached() {
    const std::vector<std::pair<std::string, std::string>> nodes{
        {"params", "aio:" + image}, {"mode", "w"},   {"dev", "xvda"},
        {"device-type", "disk"},    {"online", "1"}, {"state", "1"}};
    store.write(home, "");
    for (const auto &[name, value] : nodes)
      store.write(base::format("{}/{}", libxl_disk, name), value);
    store.write(home + "/device/vbd/51712/state", "1");
    open();
    EXPECT_TRUE(ends.second.send({.type = Type::create, .number = 1}));
    until([this] { return store.read(stub_disk + "/online").has_value(); });
    store.write(stub_disk + "/online", "1");
    store.write(stub_disk + "/state", "4");
    until([this] { return store.read(libxl_disk + "/state") == "4"; });
  }
  // QEMU closes the backend, and libxl takes the device away.
  void detach() {
    store.write(libxl_disk + "/online", "0");
    store.write(libxl_disk + "/state", "5");
    until([this] { return store.read(stub_disk + "/state") == "5"; });
    store.write(stub_disk + "/state", "6");
    until([this] { return store.read(libxl_disk + "/state") == "6"; });
    store.remove(libxl_disk);
  }
  bool is_asked() { return store.read(home_of_stub + "/linstub/leaving") == "1 xvda"; }

  const std::string home = "/local/domain/" + guest_text();
  const std::string home_of_stub = "/local/domain/6";
  const std::string libxl_disk =
      base::format("/local/domain/0/backend/qdisk/{}/51712", guest_text());
  const std::string stub_disk =
      base::format("{}/backend/qdisk/{}/51712", home_of_stub, guest_text());
  fake::Directory directory;
  const std::string image = directory.put("disk", std::string(512, 'x'));
  fake::ImageLocks &locks = fake::image_locks();
};

TEST_F(ADiskThatIsDetached, IsUnpluggedWhenTheStubDomainLetsItGo) {
  store.write(home_of_stub + "/data/linstub/left", "0");
  detach();
  until([this] { return is_asked(); });
  EXPECT_FALSE(called("detach 6 xvda"));
  EXPECT_THAT(locks.held(), Contains(image));
  store.write(home_of_stub + "/data/linstub/left", "1 xvda");
  until([this] { return called("detach 6 xvda"); });
  until([this] { return !std::ranges::contains(locks.held(), image); });
}

TEST_F(ADiskThatIsDetached, IsUnpluggedAtOnceIfTheImageDoesNotKnowTheQuestion) {
  detach();
  until([this] { return called("detach 6 xvda"); });
  EXPECT_FALSE(is_asked());
}

TEST_F(ADiskThatIsDetached, GoesWithTheStubDomainThatIsRemovedMeanwhile) {
  store.write(home_of_stub + "/data/linstub/left", "0");
  detach();
  until([this] { return is_asked(); });
  EXPECT_TRUE(ends.second.send({.type = Type::remove, .number = 2}));
  until([this] { return called("destroy " + guest_text()); });
  EXPECT_THAT(program.calls(), Not(Contains("detach 6 xvda")));
}

} // namespace
} // namespace linstub::broker
