// The states of a PV device's two ends: the "state" node in each one's directory of xenstore
// (xen/io/xenbus.h: XenbusState).
#pragma once

namespace linstub::xen {

constexpr unsigned xenbus_new = 1;     // XenbusStateInitialising
constexpr unsigned xenbus_waiting = 2; // XenbusStateInitWait
constexpr unsigned xenbus_initialised = 3;
constexpr unsigned xenbus_connected = 4;
constexpr unsigned xenbus_closing = 5;
constexpr unsigned xenbus_closed = 6;
constexpr unsigned xenbus_reconfiguring = 7;

} // namespace linstub::xen
