SUMMARY = "telhub's data on a partition of its own, for read-only systems"
DESCRIPTION = "Mounts the partition labelled telhub-data on /data, and its directory telhub on /var/lib/telhub, before telhub starts."
LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/Apache-2.0;md5=89aea4e17d99a7cacdbeed46a0096b10"

SRC_URI = " \
    file://data.mount \
    file://telhub-data.service \
    file://telhub-data.conf \
    file://var-lib-telhub.mount \
    file://etc-credstore.mount \
    file://10-data.conf \
"
S = "${UNPACKDIR}"

inherit allarch systemd features_check
REQUIRED_DISTRO_FEATURES = "systemd"

do_compile[noexec] = "1"

do_install() {
	for unit in data.mount telhub-data.service var-lib-telhub.mount etc-credstore.mount; do
		install -D -m 0644 ${UNPACKDIR}/$unit ${D}${systemd_system_unitdir}/$unit
	done
	install -D -m 0644 ${UNPACKDIR}/10-data.conf ${D}${systemd_system_unitdir}/telhub.service.d/10-data.conf
	# Not in tmpfiles.d: the partition is mounted later than those are read.
	install -D -m 0644 ${UNPACKDIR}/telhub-data.conf ${D}${prefix}/lib/telhub/data.conf
	install -d ${D}/data
}

FILES:${PN} = "/data ${systemd_system_unitdir} ${prefix}/lib/telhub"
RDEPENDS:${PN} = "telhub e2fsprogs-e2fsck"

SYSTEMD_SERVICE:${PN} = "data.mount telhub-data.service var-lib-telhub.mount etc-credstore.mount"
