SUMMARY = "U-Boot script that chooses between two systems, and its environment"
LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/Apache-2.0;md5=89aea4e17d99a7cacdbeed46a0096b10"

SRC_URI = "file://boot.cmd file://fw_env.config file://uboot.mount"
S = "${UNPACKDIR}"
DEPENDS = "u-boot-tools-native"
PACKAGE_ARCH = "${MACHINE_ARCH}"

inherit kernel-arch deploy systemd features_check
REQUIRED_DISTRO_FEATURES = "systemd"

do_compile() {
	sed -e 's|@IMAGE@|${KERNEL_IMAGETYPE}|' ${UNPACKDIR}/boot.cmd > ${B}/boot.txt
	mkimage -A ${UBOOT_ARCH} -T script -C none -n telhub -d ${B}/boot.txt ${B}/boot.scr
}

do_install() {
	install -D -m 0644 ${UNPACKDIR}/fw_env.config ${D}${sysconfdir}/fw_env.config
	install -D -m 0644 ${UNPACKDIR}/uboot.mount ${D}${systemd_system_unitdir}/uboot.mount
	install -d ${D}/uboot
}

do_deploy() {
	install -D -m 0644 ${B}/boot.scr ${DEPLOYDIR}/boot.scr
}
addtask deploy after do_compile before do_build

FILES:${PN} = "/uboot ${sysconfdir}/fw_env.config ${systemd_system_unitdir}"
RDEPENDS:${PN} = "u-boot-fw-utils"
SYSTEMD_SERVICE:${PN} = "uboot.mount"
