# Chooses between systems A and B with the variables that RAUC keeps
# (bootloader=uboot): BOOT_ORDER, and for each the attempts that are left. RAUC
# sets the attempts back to 3 when the running system is marked good.
test -n "${BOOT_ORDER}" || setenv BOOT_ORDER "A B"
test -n "${BOOT_A_LEFT}" || setenv BOOT_A_LEFT 3
test -n "${BOOT_B_LEFT}" || setenv BOOT_B_LEFT 3

setenv slot
for s in ${BOOT_ORDER}; do
	if test -z "${slot}" -a "${s}" = "A" -a ${BOOT_A_LEFT} -gt 0; then
		setexpr BOOT_A_LEFT ${BOOT_A_LEFT} - 1
		setenv slot A
		setenv part system-a
	fi
	if test -z "${slot}" -a "${s}" = "B" -a ${BOOT_B_LEFT} -gt 0; then
		setexpr BOOT_B_LEFT ${BOOT_B_LEFT} - 1
		setenv slot B
		setenv part system-b
	fi
done

if test -z "${slot}"; then
	echo "no attempts are left for either system: beginning anew"
	setenv BOOT_A_LEFT 3
	setenv BOOT_B_LEFT 3
	saveenv
	reset
fi
saveenv

part number ${devtype} ${devnum} ${part} number
part uuid ${devtype} ${devnum}:${number} uuid
setenv bootargs "${bootargs} root=PARTUUID=${uuid} rootwait ro rauc.slot=${slot}"
load ${devtype} ${devnum}:${number} ${kernel_addr_r} boot/@IMAGE@
if test -n "${fdtfile}" && load ${devtype} ${devnum}:${number} ${fdt_addr_r} boot/${fdtfile}; then
	booti ${kernel_addr_r} - ${fdt_addr_r}
fi
booti ${kernel_addr_r} - ${fdtcontroladdr}
# Whatever got here did not boot.
reset
