// Package rebind takes the kernel's driver of an I2C controller away from it
// and gives it back, by the files unbind and bind of the driver in sysfs
// (Documentation/ABI/testing/sysfs-bus-pci describes them for PCI, they are the
// same for each bus). That resets a controller that hangs. It does not move a
// chip that holds a line: only clocks or its supply do.
//
// Taking a driver away concerns everybody on the bus. The package refuses where
// it would not all come back by itself, and where the kernel would wait for
// somebody: it lets go of an adapter when its last descriptor is closed, and
// until then the writer of unbind cannot be killed.
//
// One goroutine uses a Controller. Cycle starts another one that ends with the
// kernel's answer. The package imports nothing of this module.
package rebind
