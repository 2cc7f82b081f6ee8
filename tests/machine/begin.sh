#!/bin/bash
# The machine's first process, before systemd takes its place: what a Debian made of packages lacks.
mkdir -p /lib/modules /root/.ssh
mount -t 9p -o trans=virtio,version=9p2000.L,ro mods /lib/modules
modprobe virtio_net
modprobe virtio_rng
echo 127.0.0.1 localhost machine >/etc/hosts
echo machine >/etc/hostname
: >/etc/fstab
ip link set lo up
for link in /sys/class/net/e*; do
    ip link set "${link##*/}" up
    ip address add 10.0.2.15/24 dev "${link##*/}"
    ip route add default via 10.0.2.2
done
cp /lab/key.pub /root/.ssh/authorized_keys
chmod -R go= /root/.ssh
# Two who come by SSH: one is of Lenslet's group once there is one, the other is not.
for name in member stranger; do
    useradd -m -s /bin/bash "$name"
    cp -r /root/.ssh "/home/$name"
    chown -R "$name:" "/home/$name"
done
exec /lib/systemd/systemd </dev/console >/dev/console 2>&1
