"""Modbus slaves by pymodbus, for tests: units 1 to 3, each register tells its own place.

usage: pymodbus_slave.py rtu DEVICE | tcp PORT
"""
import asyncio
import sys

from pymodbus.datastore import ModbusServerContext, ModbusSlaveContext
from pymodbus.datastore.store import BaseModbusDataBlock
from pymodbus.framer.rtu_framer import ModbusRtuFramer
from pymodbus.server import StartAsyncSerialServer, StartAsyncTcpServer

REGISTERS = 200


class Places(BaseModbusDataBlock):
    """Register a of unit u holds table << 15 | u << 12 | a, bit a whether a is divisible by 3."""

    def __init__(self, unit, table):
        self.base = table << 15 | unit << 12
        self.bits = table > 1
        self.values = []

    def validate(self, address, count=1):
        return 0 <= address and address + count <= REGISTERS

    def getValues(self, address, count=1):
        if self.bits:
            return [a % 3 == 0 for a in range(address, address + count)]
        return [self.base | a for a in range(address, address + count)]

    def setValues(self, address, values):
        raise ValueError("these registers are not written")


def slaves():
    return {
        unit: ModbusSlaveContext(
            hr=Places(unit, 0), ir=Places(unit, 1), co=Places(unit, 2), di=Places(unit, 3), zero_mode=True
        )
        for unit in (1, 2, 3)
    }


async def main(kind, where):
    context = ModbusServerContext(slaves=slaves(), single=False)
    if kind == "rtu":
        await StartAsyncSerialServer(
            context=context,
            framer=ModbusRtuFramer,
            port=where,
            baudrate=19200,
            bytesize=8,
            parity="N",
            stopbits=1,
            ignore_missing_slaves=True,
        )
    else:
        await StartAsyncTcpServer(context=context, address=("127.0.0.1", int(where)), ignore_missing_slaves=True)


asyncio.run(main(sys.argv[1], sys.argv[2]))
