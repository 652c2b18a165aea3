// SPDX-License-Identifier: MIT
#include "bench/state.hpp"

#include <gmock/gmock.h>

namespace linstub::bench {
namespace {

using testing::DoubleNear;
using testing::HasSubstr;

TEST(Pings, TheLongestSilenceIsBetweenTwoAnswers) {
  auto silence = longest_silence(
      "PING 10.77.0.2 (10.77.0.2) 56(84) bytes of data.\n"
      "[1700000000.100000] 64 bytes from 10.77.0.2: icmp_seq=1 ttl=64 time=2.0 ms\n"
      "[1700000000.200000] 64 bytes from 10.77.0.2: icmp_seq=2 ttl=64 time=2.0 ms\n"
      "[1700000002.000000] no answer yet for icmp_seq=3\n"
      "[1700000003.700000] 64 bytes from 10.77.0.2: icmp_seq=9 ttl=64 time=2.0 ms\n"
      "[1700000003.800000] 64 bytes from 10.77.0.2: icmp_seq=10 ttl=64 time=2.0 ms\n");
  ASSERT_TRUE(silence) << silence.error().message();
  EXPECT_THAT(*silence, DoubleNear(3.5, 1e-3));
}

TEST(Pings, OneAnswerIsNoSilence) {
  EXPECT_FALSE(longest_silence(""));
  EXPECT_FALSE(longest_silence("[17.0] 64 bytes from 10.77.0.2: icmp_seq=1\n"));
}

TEST(Pings, TheirAverageIsTold) {
  EXPECT_THAT(average_ping("5 packets transmitted, 5 received, 0% packet loss, time 800ms\n"
                           "rtt min/avg/max/mdev = 3.250/4.500/6.125/1.000 ms\n")
                  .value_or(0),
              DoubleNear(0.0045, 1e-9));
  EXPECT_THAT(average_ping("5 packets transmitted, 0 received, 100% packet loss").error().message(),
              HasSubstr("100% packet loss"));
}

} // namespace
} // namespace linstub::bench
