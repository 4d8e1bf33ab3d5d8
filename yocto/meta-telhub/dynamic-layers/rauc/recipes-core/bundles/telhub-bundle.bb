SUMMARY = "Update of telhub-image for RAUC"
DESCRIPTION = "Signed with RAUC_KEY_FILE and RAUC_CERT_FILE; boards accept it when RAUC_KEYRING_FILE of their image knows the certificate."
LICENSE = "MIT"

inherit bundle

RAUC_BUNDLE_COMPATIBLE = "telhub-example"
RAUC_BUNDLE_VERSION ?= "${DISTRO_VERSION}-${DATETIME}"
RAUC_BUNDLE_VERSION[vardepsexclude] = "DATETIME"
RAUC_BUNDLE_FORMAT = "verity"
RAUC_BUNDLE_SLOTS = "rootfs"
RAUC_SLOT_rootfs = "telhub-image"
RAUC_SLOT_rootfs[fstype] = "ext4"
