# The configuration may hold a password; the agent reads it as its group. An
# upgrade of one that nobody edited brings it as it is packed.
own_files() {
	if [ -n "$(find /etc/telhub.toml -group 0 -perm 644)" ]; then
		chgrp telhub /etc/telhub.toml
		chmod 0640 /etc/telhub.toml
	fi
	own_store
}

# own_store makes the store's folder. Where /var is /tmp, as on OpenWrt, anybody
# may have been there first, and may exchange /var/lib for a link meanwhile:
# hence from inside of a folder that is root's alone.
own_store() (
	mkdir -p /var/lib
	cd /var/lib || exit 1
	mode=$(ls -ld .)
	if [ ! -O . ] || [ "${mode#d???????w}" != "$mode" ]; then
		echo "telhub: /var/lib is not root's alone: who can write it could have any folder given to telhub" >&2
		exit 1
	fi
	mkdir -p telhub && chown telhub:telhub telhub && chmod 0750 telhub
)

# Devices that are there already get their group by the rules.
trigger_udev() {
	if [ -d /run/udev ] && command -v udevadm >/dev/null 2>&1; then
		udevadm control --reload >/dev/null 2>&1 || true
		udevadm trigger --action=change --subsystem-match=i2c-dev --subsystem-match=gpio \
			--subsystem-match=iio --subsystem-match=tty >/dev/null 2>&1 || true
	fi
}

