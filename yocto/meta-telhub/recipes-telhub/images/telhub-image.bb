SUMMARY = "Example: telhub on a read-only root, with a data partition"
LICENSE = "MIT"

inherit core-image

IMAGE_FEATURES += "read-only-rootfs ssh-server-dropbear"
IMAGE_INSTALL = " \
    packagegroup-core-boot \
    packagegroup-telhub packagegroup-telhub-data packagegroup-telhub-tools \
    kernel-image telhub-bootscript \
    ${@'kernel-devicetree' if d.getVar('KERNEL_DEVICETREE') else ''} \
    ${@bb.utils.contains('DISTRO_FEATURES', 'rauc', 'rauc', '', d)} \
    ${CORE_IMAGE_EXTRA_INSTALL} \
"
IMAGE_LINGUAS = ""

# Two systems, one data partition: files/wic/telhub-ab.wks. ext4 is what a
# bundle carries.
IMAGE_FSTYPES += "ext4 wic.zst wic.bmap"
WKS_FILE = "telhub-ab.wks"
IMAGE_BOOT_FILES = "boot.scr"
do_image_wic[depends] += "telhub-bootscript:do_deploy"

# The configuration in force lies on the data partition; what the package
# brought is where telhub-data copies it from at the first boot.
telhub_config_on_data() {
	install -d ${IMAGE_ROOTFS}${datadir}/telhub
	mv ${IMAGE_ROOTFS}${sysconfdir}/telhub.toml ${IMAGE_ROOTFS}${datadir}/telhub/telhub.toml
	ln -s /data/etc/telhub.toml ${IMAGE_ROOTFS}${sysconfdir}/telhub.toml
}
ROOTFS_POSTPROCESS_COMMAND += "telhub_config_on_data"
