# Only a distribution that asks for it gets another kernel.
require ${@bb.utils.contains('DISTRO_FEATURES', 'telhub', 'telhub-kernel.inc', '', d)}
