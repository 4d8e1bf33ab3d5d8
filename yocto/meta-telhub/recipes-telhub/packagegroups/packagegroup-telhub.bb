SUMMARY = "telhub and what one needs beside it on a board"

PACKAGE_ARCH = "${MACHINE_ARCH}"
inherit packagegroup

PACKAGES = "${PN} ${PN}-data ${PN}-tools"

SUMMARY:${PN} = "telhub, its device rules and a clock that is set"
RDEPENDS:${PN} = "telhub"
RRECOMMENDS:${PN} = "ca-certificates tzdata-core"

SUMMARY:${PN}-data = "telhub on a read-only system with a data partition"
RDEPENDS:${PN}-data = "${PN} telhub-data"

SUMMARY:${PN}-tools = "to look at buses by hand"
RDEPENDS:${PN}-tools = "i2c-tools usbutils"
