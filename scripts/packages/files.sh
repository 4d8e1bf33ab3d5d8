# The configuration may hold a password; the agent reads it as its group. An
# upgrade of one that nobody edited brings it as it is packed.
own_files() {
	if [ -n "$(find /etc/telhub.toml -group 0 -perm 644)" ]; then
		chgrp telhub /etc/telhub.toml
		chmod 0640 /etc/telhub.toml
	fi
	mkdir -p /var/lib/telhub
	chown telhub:telhub /var/lib/telhub
	chmod 0750 /var/lib/telhub
}

# Devices that are there already get their group by the rules.
trigger_udev() {
	if [ -d /run/udev ] && command -v udevadm >/dev/null 2>&1; then
		udevadm control --reload >/dev/null 2>&1 || true
		udevadm trigger --action=change --subsystem-match=i2c-dev --subsystem-match=gpio \
			--subsystem-match=iio --subsystem-match=tty >/dev/null 2>&1 || true
	fi
}

