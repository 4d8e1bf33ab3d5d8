SUMMARY = "Telemetry agent for ARM Linux boards"
DESCRIPTION = "Reads sensors over I2C, serial lines, Modbus and the kernel's drivers and forwards the samples to Redis Streams, \
each exactly once, through outages, kills and power cuts."
HOMEPAGE = "https://github.com/telhub/telhub"
SECTION = "net"
LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "file://src/${GO_IMPORT}/LICENSE;md5=3b83ef96387f14655fc854ddc3c6bd57"

GO_IMPORT = "github.com/telhub/telhub"

# The commit that the checkout is on in which this layer lies: the lists of
# modules beside this file are that commit's. A release elsewhere:
#   TELHUB_SRC_URI = "git://github.com/telhub/telhub;protocol=https;branch=main;tag=v1.2.3"
#   TELHUB_SRCREV = "the tag's commit, 40 digits"
TELHUB_SRC_URI ?= "git://${TELHUB_CHECKOUT};protocol=file;usehead=1"
TELHUB_SRCREV ?= "${AUTOREV}"
SRC_URI = "${TELHUB_SRC_URI};destsuffix=${GO_SRCURI_DESTSUFFIX}"
SRCREV = "${TELHUB_SRCREV}"
PV = "0.1+git"
SRC_URI += "file://telhub.toml"

# The modules that cmd/telhub links, and their licences: `make yocto-mods` writes both.
require telhub-go-mods.inc
require telhub-licenses.inc

inherit go-mod systemd useradd

GO_INSTALL = "${GO_IMPORT}/agent/cmd/telhub"
# As `make build` has it: one static program that needs neither a C compiler
# nor the C library. Go links position-independent programs for 32-bit ARM with
# a C compiler only, hence no PIE; and no shared Go library.
CGO_ENABLED = "0"
GOBUILDFLAGS:remove = "-buildmode=pie"
GO_LINKSHARED = ""
GO_RPATH = ""
GO_RPATH_LINK = ""
# HTTP/2 needs TLS, which the local page does not speak.
GOBUILDFLAGS:append = " -buildvcs=false -tags=nethttpomithttp2"
# Modules come from SRC_URI and from nowhere else.
GOPROXY = "off"
export GOTOOLCHAIN = "local"
export GOFLAGS = "-mod=readonly"

# Version and date of the commit, as the Makefile has them. Not -s -w: symbols
# go into the -dbg package.
GO_EXTRA_LDFLAGS = "-buildid= -X main.version=$telhub_version -X main.built=$telhub_built"
do_compile:prepend() {
	telhub_version=$(git -C ${S}/src/${GO_IMPORT} describe --tags --always)
	telhub_built=$(git -C ${S}/src/${GO_IMPORT} log -1 --format=%ct)
}

TELHUB_SYSTEMD = "${S}/src/${GO_IMPORT}/systemd"

# Only the program: the class would ship the sources, test data and all, in -dev.
do_install() {
	install -D -m 0755 ${B}/${GO_BUILD_BINDIR}/telhub ${D}${bindir}/telhub
	install -D -m 0644 ${UNPACKDIR}/telhub.toml ${D}${sysconfdir}/telhub.toml
	install -d -m 0700 ${D}${sysconfdir}/credstore
	install -D -m 0644 ${TELHUB_SYSTEMD}/telhub.service ${D}${systemd_system_unitdir}/telhub.service
	install -D -m 0644 ${TELHUB_SYSTEMD}/telhub-settle.service ${D}${systemd_system_unitdir}/telhub-settle.service
	install -D -m 0644 ${TELHUB_SYSTEMD}/telhub.socket ${D}${systemd_system_unitdir}/telhub.socket
	install -D -m 0644 ${TELHUB_SYSTEMD}/telhub.sysusers ${D}${nonarch_libdir}/sysusers.d/telhub.conf
	install -D -m 0644 ${TELHUB_SYSTEMD}/telhub.tmpfiles ${D}${nonarch_libdir}/tmpfiles.d/telhub.conf
	install -D -m 0644 ${TELHUB_SYSTEMD}/61-telhub.rules ${D}${nonarch_base_libdir}/udev/rules.d/61-telhub.rules
	# The unit names this path.
	install -D -m 0755 ${TELHUB_SYSTEMD}/memory-max ${D}${prefix}/lib/telhub/memory-max
	install -d ${D}${docdir}/telhub/examples
	install -m 0644 ${TELHUB_SYSTEMD}/examples/*.conf ${D}${docdir}/telhub/examples/
}

FILES:${PN} += " \
    ${systemd_system_unitdir} \
    ${nonarch_libdir}/sysusers.d \
    ${nonarch_libdir}/tmpfiles.d \
    ${nonarch_base_libdir}/udev/rules.d \
    ${prefix}/lib/telhub \
"
CONFFILES:${PN} = "${sysconfdir}/telhub.toml"

# telhub.socket is optional: not enabled. telhub-settle is started by telhub.
SYSTEMD_SERVICE:${PN} = "telhub.service"

USERADD_PACKAGES = "${PN}"
GROUPADD_PARAM:${PN} = "--system i2c; --system gpio; --system telhub"
USERADD_PARAM:${PN} = "--system --gid telhub --groups i2c,gpio,dialout --home-dir /var/lib/telhub --no-create-home --shell ${base_sbindir}/nologin telhub"

# Buses whose driver a kernel may have as a module, or built in: hence not
# RDEPENDS. The unit loads i2c-dev, usbserial and cdc-acm before it starts.
RRECOMMENDS:${PN} = " \
    kernel-module-i2c-dev \
    kernel-module-usbserial \
    kernel-module-cdc-acm \
    kernel-module-ftdi-sio \
    kernel-module-cp210x \
    kernel-module-ch341 \
    kernel-module-pl2303 \
    kernel-module-wire \
    kernel-module-w1-gpio \
    kernel-module-w1-therm \
"
