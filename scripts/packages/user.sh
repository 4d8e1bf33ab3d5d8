# Put in front of the scripts of rpm, apk and ipk: makes the agent's user.
make_user() {
	if command -v systemd-sysusers >/dev/null 2>&1; then
		systemd-sysusers telhub.conf && return
	fi
	for group in telhub i2c gpio dialout; do
		grep -q "^$group:" /etc/group && continue
		if command -v groupadd >/dev/null 2>&1; then
			groupadd --system "$group"
		elif command -v addgroup >/dev/null 2>&1; then
			addgroup -S "$group" 2>/dev/null || addgroup --system "$group"
		else # OpenWrt
			. /lib/functions.sh
			group_add_next "$group" >/dev/null
		fi
	done
	if ! grep -q '^telhub:' /etc/passwd; then
		if command -v useradd >/dev/null 2>&1; then
			useradd --system --gid telhub --home-dir /var/lib/telhub --no-create-home --shell /usr/sbin/nologin telhub
		elif command -v adduser >/dev/null 2>&1; then
			adduser -S -D -H -h /var/lib/telhub -s /sbin/nologin -G telhub telhub 2>/dev/null ||
				adduser --system --ingroup telhub --home /var/lib/telhub --no-create-home telhub
		else
			user_add telhub "" "$(grep '^telhub:' /etc/group | cut -d: -f3)" telhub /var/lib/telhub /bin/false
		fi
	fi
	for group in i2c gpio dialout; do
		if command -v usermod >/dev/null 2>&1; then
			usermod -a -G "$group" telhub
		elif command -v addgroup >/dev/null 2>&1; then
			addgroup telhub "$group"
		else
			group_add_user "$group" telhub
		fi
	done
}

