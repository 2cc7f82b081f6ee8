// SPDX-License-Identifier: GPL-2.0
/*
 * labcam - three cameras without hardware, of raw pictures that do not change, whose driver answers otherwise than it was asked.
 *
 * Nodes from video_nr (50) on, multi-planar ones if mplane=Y when it is loaded: then formats in several planes of memory
 * (NM12, NM21, YM12, YM21) are offered too. At x, y luma is 16 + (3x + 5y) % 220, of 2x2 pixels blue is 40 + (x/2 + 3(y/2)) % 170
 * and red 200 - (2(x/2) + y/2) % 150; what pads a line is 0xee. 10 pictures a second, whatever S_PARM says.
 *
 * Faults, at run time through /sys/module/labcam/parameters/, of the first two; the last one is always well:
 *   offer        the one format that ENUM_FMT names (YUYV), a code that nobody knows among them
 *   gives        S_FMT answers with this format       refuse       S_FMT refuses what ENUM_FMT names: -EINVAL
 *   width, height  S_FMT answers with this size       pad          lines are so many bytes longer than their samples, or, if
 *   that is less than none, shorter; pad_chroma: likewise those of chroma in planes of their own
 *   size         of the bytes of a picture sizeimage is so many percent, and the buffers too (100)
 *   other_rate   S_PARM answers with so many pictures a second; no_rate: without a rate
 *   jump         of so many pictures each picture's number is further than the last one's (1)
 *   clock        timestamps: 0 are monotonic, 1 go back every fourth picture, 2 are of an unknown clock, 3 are zero
 *   used         bytesused is so many percent (100)   error        each Nth picture has V4L2_BUF_FLAG_ERROR
 *   die          another number than before: what streams fails once (EPOLLERR), so that it has to be opened anew
 */
#include <linux/module.h>
#include <linux/dma-mapping.h>
#include <linux/platform_device.h>
#include <media/v4l2-device.h>
#include <media/v4l2-ioctl.h>
#include <media/videobuf2-v4l2.h>
#include <media/videobuf2-vmalloc.h>

#define NODES 3

static int video_nr = 50;
module_param(video_nr, int, 0444);
static char offer[8] = "YUYV", gives[8];
module_param_string(offer, offer, sizeof(offer), 0644);
module_param_string(gives, gives, sizeof(gives), 0644);
static bool mplane, refuse, no_rate;
module_param(mplane, bool, 0444);
module_param(refuse, bool, 0644);
module_param(no_rate, bool, 0644);
static int pad, pad_chroma;
module_param(pad, int, 0644);
module_param(pad_chroma, int, 0644);
static uint width, height, size = 100, other_rate, jump = 1, clock, used = 100, error, die;
module_param(width, uint, 0644);
module_param(height, uint, 0644);
module_param(size, uint, 0644);
module_param(other_rate, uint, 0644);
module_param(jump, uint, 0644);
module_param(clock, uint, 0644);
module_param(used, uint, 0644);
module_param(error, uint, 0644);
module_param(die, uint, 0644);

struct cam {
	struct v4l2_device v4l2;
	struct video_device vdev;
	struct vb2_queue queue;
	struct mutex lock;
	spinlock_t ready;
	struct list_head buffers;
	struct delayed_work work;
	struct v4l2_pix_format_mplane pix;	/* of a single-planar node one plane */
	u32 sequence, pictures, died;
	bool well;
};
struct buffer { struct vb2_v4l2_buffer v; struct list_head list; };
static struct cam *cams[NODES];
static struct platform_device *parent;

static u32 code(const char *s) { return strlen(s) >= 4 ? v4l2_fourcc(s[0], s[1], s[2], s[3]) : 0; }
static bool packed(u32 f) { return f == V4L2_PIX_FMT_YUYV || f == V4L2_PIX_FMT_UYVY; }
static u32 planes(u32 f)
{
	if (f == V4L2_PIX_FMT_NV12M || f == V4L2_PIX_FMT_NV21M) return 2;
	return f == V4L2_PIX_FMT_YUV420M || f == V4L2_PIX_FMT_YVU420M ? 3 : 1;
}
static bool planar(u32 f) { return f == V4L2_PIX_FMT_YUV420 || f == V4L2_PIX_FMT_YVU420 || planes(f) == 3; }
static bool swapped(u32 f)
{
	return f == V4L2_PIX_FMT_NV21 || f == V4L2_PIX_FMT_NV21M || f == V4L2_PIX_FMT_YVU420 || f == V4L2_PIX_FMT_YVU420M;
}
static u32 whole(const struct v4l2_pix_format_mplane *p, u32 plane)
{
	u32 lines = p->plane_fmt[plane].bytesperline * (plane ? p->height / 2 : p->height);
	return packed(p->pixelformat) || planes(p->pixelformat) > 1 ? lines : lines * 3 / 2;
}

static u8 luma(u32 x, u32 y) { return 16 + (3 * x + 5 * y) % 220; }
static u8 blue(u32 x, u32 y) { return 40 + (x + 3 * y) % 170; }
static u8 red(u32 x, u32 y) { return 200 - (2 * x + y) % 150; }

static void draw(const struct v4l2_pix_format_mplane *p, struct vb2_buffer *to)
{
	u32 x, y, i, f = p->pixelformat, st = p->plane_fmt[0].bytesperline, chroma, second, area = 0, half;
#define AT(plane, place, value) do { u32 at_ = (place); if (at_ < vb2_plane_size(to, plane)) ((u8 *)vb2_plane_vaddr(to, plane))[at_] = (value); } while (0)
	for (i = 0; i < p->num_planes; i++) memset(vb2_plane_vaddr(to, i), 0xee, vb2_plane_size(to, i));
	for (y = 0; y < p->height; y++) for (x = 0; x < p->width; x++) {
		if (packed(f)) {
			u32 first = f == V4L2_PIX_FMT_UYVY;
			AT(0, y * st + 2 * x + first, luma(x, y));
			AT(0, y * st + 2 * x + !first, x & 1 ? red(x / 2, y / 2) : blue(x / 2, y / 2));
		} else AT(0, y * st + x, luma(x, y));
	}
	if (packed(f)) return;
	/* Chroma behind luma, or in planes of its own; the one behind the other, or by turns. */
	chroma = p->num_planes > 1;
	half = chroma ? p->plane_fmt[1].bytesperline : planar(f) ? st / 2 : st;
	if (!chroma) area = st * p->height;
	second = p->num_planes == 3 ? 2 : chroma;
	for (y = 0; y < p->height / 2; y++) for (x = 0; x < p->width / 2; x++) {
		u8 b = blue(x, y), r = red(x, y);
		if (swapped(f)) swap(b, r);
		if (planar(f)) {
			AT(chroma, area + y * half + x, b);
			AT(second, area + (second == chroma ? half * (p->height / 2) : 0) + y * half + x, r);
		} else {
			AT(chroma, area + y * half + 2 * x, b);
			AT(chroma, area + y * half + 2 * x + 1, r);
		}
	}
}

static void work(struct work_struct *w)
{
	struct cam *c = container_of(to_delayed_work(w), struct cam, work);
	struct buffer *b = NULL;
	unsigned long flags;
	u64 now = ktime_get_ns();
	u32 length, i;

	if (!c->well && c->died != READ_ONCE(die)) { c->died = die; vb2_queue_error(&c->queue); return; }
	schedule_delayed_work(&c->work, HZ / 10);
	spin_lock_irqsave(&c->ready, flags);
	if (!list_empty(&c->buffers)) { b = list_first_entry(&c->buffers, struct buffer, list); list_del(&b->list); }
	spin_unlock_irqrestore(&c->ready, flags);
	c->sequence += c->well ? 1 : jump;
	c->pictures++;
	if (!b) return;
	draw(&c->pix, &b->v.vb2_buf);
	if (!c->well && clock == 1 && c->pictures % 4 == 0) now -= 3 * (u64)NSEC_PER_SEC;
	if (!c->well && clock == 3) now = 0;
	b->v.vb2_buf.timestamp = now;
	b->v.sequence = c->sequence;
	b->v.field = V4L2_FIELD_NONE;
	for (i = 0; i < c->pix.num_planes; i++) {
		length = min_t(u32, vb2_plane_size(&b->v.vb2_buf, i), whole(&c->pix, i));
		vb2_set_plane_payload(&b->v.vb2_buf, i, c->well ? length : length * used / 100);
	}
	vb2_buffer_done(&b->v.vb2_buf, !c->well && error && c->pictures % error == 0 ? VB2_BUF_STATE_ERROR : VB2_BUF_STATE_DONE);
}

static int queue_setup(struct vb2_queue *q, unsigned int *nb, unsigned int *np, unsigned int sz[], struct device *a[])
{
	struct cam *c = vb2_get_drv_priv(q);
	u32 i;
	if (*np && *np != c->pix.num_planes) return -EINVAL;
	for (i = 0; i < c->pix.num_planes; i++) {
		if (*np && sz[i] < c->pix.plane_fmt[i].sizeimage) return -EINVAL;
		if (!*np) sz[i] = c->pix.plane_fmt[i].sizeimage;
	}
	*np = c->pix.num_planes;
	return 0;
}
static void buf_queue(struct vb2_buffer *vb)
{
	struct cam *c = vb2_get_drv_priv(vb->vb2_queue);
	struct buffer *b = container_of(to_vb2_v4l2_buffer(vb), struct buffer, v);
	unsigned long flags;
	spin_lock_irqsave(&c->ready, flags);
	list_add_tail(&b->list, &c->buffers);
	spin_unlock_irqrestore(&c->ready, flags);
}
static int start_streaming(struct vb2_queue *q, unsigned int count)
{
	struct cam *c = vb2_get_drv_priv(q);
	c->sequence = c->pictures = 0; c->died = die;
	q->timestamp_flags = !c->well && clock == 2 ? V4L2_BUF_FLAG_TIMESTAMP_UNKNOWN : V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
	schedule_delayed_work(&c->work, HZ / 10);
	return 0;
}
static void stop_streaming(struct vb2_queue *q)
{
	struct cam *c = vb2_get_drv_priv(q);
	struct buffer *b, *next;
	cancel_delayed_work_sync(&c->work);
	list_for_each_entry_safe(b, next, &c->buffers, list) { list_del(&b->list); vb2_buffer_done(&b->v.vb2_buf, VB2_BUF_STATE_ERROR); }
}
static const struct vb2_ops qops = {
	.queue_setup = queue_setup, .buf_queue = buf_queue, .start_streaming = start_streaming, .stop_streaming = stop_streaming,
	.wait_prepare = vb2_ops_wait_prepare, .wait_finish = vb2_ops_wait_finish,
};

static int querycap(struct file *f, void *p, struct v4l2_capability *cap)
{
	strscpy(cap->driver, "labcam", sizeof(cap->driver));
	strscpy(cap->card, "lab camera", sizeof(cap->card));
	strscpy(cap->bus_info, "platform:labcam", sizeof(cap->bus_info));
	return 0;
}
static u32 offered(struct cam *c) { return c->well ? V4L2_PIX_FMT_YUYV : code(offer); }
static int enum_fmt(struct file *f, void *p, struct v4l2_fmtdesc *d)
{
	if (d->index) return -EINVAL;
	d->pixelformat = offered(video_drvdata(f));
	strscpy(d->description, "lab", sizeof(d->description));
	return 0;
}
static int enum_size(struct file *f, void *p, struct v4l2_frmsizeenum *e)
{
	if (e->index || e->pixel_format != offered(video_drvdata(f))) return -EINVAL;
	e->type = V4L2_FRMSIZE_TYPE_STEPWISE;
	e->stepwise = (struct v4l2_frmsize_stepwise){ 32, 1280, 2, 32, 720, 2 };
	return 0;
}
static int enum_interval(struct file *f, void *p, struct v4l2_frmivalenum *e)
{
	if (e->index || e->pixel_format != offered(video_drvdata(f))) return -EINVAL;
	e->type = V4L2_FRMIVAL_TYPE_DISCRETE; e->discrete = (struct v4l2_fract){ 1, 10 };
	return 0;
}
static void settle(struct cam *c, struct v4l2_pix_format_mplane *m)
{
	bool faulty = !c->well;
	u32 i, f = faulty && code(gives) ? code(gives) : offered(c);
	m->pixelformat = f;
	m->width = clamp(faulty && width ? width : m->width & ~1u, 32u, 1280u);
	m->height = clamp(faulty && height ? height : m->height & ~1u, 32u, 720u);
	m->num_planes = planes(f); m->field = V4L2_FIELD_NONE; m->colorspace = V4L2_COLORSPACE_SMPTE170M;
	memset(m->plane_fmt, 0, sizeof(m->plane_fmt));
	for (i = 0; i < m->num_planes; i++) {
		u32 row = packed(f) ? m->width * 2 : i && planar(f) ? m->width / 2 : m->width;
		m->plane_fmt[i].bytesperline = row + (faulty ? i ? pad_chroma : pad : 0);
		m->plane_fmt[i].sizeimage = whole(m, i) * (faulty ? size : 100) / 100;
	}
}
static int g_fmt_mplane(struct file *f, void *p, struct v4l2_format *v)
{
	if (!mplane) return -EINVAL;
	v->fmt.pix_mp = ((struct cam *)video_drvdata(f))->pix;
	return 0;
}
static int try_fmt_mplane(struct file *f, void *p, struct v4l2_format *v)
{
	struct cam *c = video_drvdata(f);
	if (!mplane || (!c->well && refuse)) return -EINVAL;
	settle(c, &v->fmt.pix_mp);
	return 0;
}
static int s_fmt_mplane(struct file *f, void *p, struct v4l2_format *v)
{
	struct cam *c = video_drvdata(f);
	int r = try_fmt_mplane(f, p, v);
	if (r) return r;
	if (vb2_is_busy(&c->queue)) return -EBUSY;
	c->pix = v->fmt.pix_mp;
	return 0;
}
static void single(const struct v4l2_pix_format_mplane *m, struct v4l2_pix_format *pix)
{
	pix->width = m->width; pix->height = m->height; pix->pixelformat = m->pixelformat;
	pix->field = m->field; pix->colorspace = m->colorspace;
	pix->bytesperline = m->plane_fmt[0].bytesperline; pix->sizeimage = m->plane_fmt[0].sizeimage;
}
static int g_fmt(struct file *f, void *p, struct v4l2_format *v)
{
	if (mplane) return -EINVAL;
	single(&((struct cam *)video_drvdata(f))->pix, &v->fmt.pix);
	return 0;
}
static int try_fmt(struct file *f, void *p, struct v4l2_format *v)
{
	struct cam *c = video_drvdata(f);
	struct v4l2_pix_format_mplane m = { .width = v->fmt.pix.width, .height = v->fmt.pix.height };
	if (mplane || (!c->well && refuse)) return -EINVAL;
	settle(c, &m);
	single(&m, &v->fmt.pix);
	return 0;
}
static int s_fmt(struct file *f, void *p, struct v4l2_format *v)
{
	struct cam *c = video_drvdata(f);
	int r = try_fmt(f, p, v);
	if (r) return r;
	if (vb2_is_busy(&c->queue)) return -EBUSY;
	c->pix.width = v->fmt.pix.width; c->pix.height = v->fmt.pix.height;
	settle(c, &c->pix);
	return 0;
}
static int parm(struct file *f, void *p, struct v4l2_streamparm *s)
{
	struct cam *c = video_drvdata(f);
	u32 rate = !c->well && other_rate ? other_rate : 10;
	s->parm.capture.readbuffers = 2;
	s->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
	s->parm.capture.timeperframe = (struct v4l2_fract){ 1, rate };
	if (!c->well && no_rate) { s->parm.capture.capability = 0; s->parm.capture.timeperframe = (struct v4l2_fract){ 0, 0 }; }
	return 0;
}
static int enum_input(struct file *f, void *p, struct v4l2_input *i)
{
	if (i->index) return -EINVAL;
	i->type = V4L2_INPUT_TYPE_CAMERA; strscpy(i->name, "camera", sizeof(i->name));
	return 0;
}
static int g_input(struct file *f, void *p, unsigned int *i) { *i = 0; return 0; }
static int s_input(struct file *f, void *p, unsigned int i) { return i ? -EINVAL : 0; }
static const struct v4l2_ioctl_ops ioctls = {
	.vidioc_querycap = querycap, .vidioc_enum_fmt_vid_cap = enum_fmt, .vidioc_enum_framesizes = enum_size,
	.vidioc_enum_frameintervals = enum_interval, .vidioc_g_fmt_vid_cap = g_fmt, .vidioc_try_fmt_vid_cap = try_fmt,
	.vidioc_s_fmt_vid_cap = s_fmt, .vidioc_g_fmt_vid_cap_mplane = g_fmt_mplane, .vidioc_try_fmt_vid_cap_mplane = try_fmt_mplane,
	.vidioc_s_fmt_vid_cap_mplane = s_fmt_mplane, .vidioc_g_parm = parm, .vidioc_s_parm = parm,
	.vidioc_enum_input = enum_input, .vidioc_g_input = g_input, .vidioc_s_input = s_input,
	.vidioc_reqbufs = vb2_ioctl_reqbufs, .vidioc_create_bufs = vb2_ioctl_create_bufs, .vidioc_querybuf = vb2_ioctl_querybuf,
	.vidioc_qbuf = vb2_ioctl_qbuf, .vidioc_dqbuf = vb2_ioctl_dqbuf, .vidioc_expbuf = vb2_ioctl_expbuf,
	.vidioc_streamon = vb2_ioctl_streamon, .vidioc_streamoff = vb2_ioctl_streamoff,
};
static const struct v4l2_file_operations fops = {
	.owner = THIS_MODULE, .open = v4l2_fh_open, .release = vb2_fop_release, .poll = vb2_fop_poll,
	.mmap = vb2_fop_mmap, .unlocked_ioctl = video_ioctl2,
};

static void remove(struct cam *c)
{
	if (!c) return;
	vb2_video_unregister_device(&c->vdev);
	v4l2_device_unregister(&c->v4l2);
	kfree(c);
}
static struct cam *add(int number)
{
	struct cam *c = kzalloc(sizeof(*c), GFP_KERNEL);
	struct vb2_queue *q;
	if (!c) return NULL;
	c->well = number == NODES - 1;
	mutex_init(&c->lock); spin_lock_init(&c->ready); INIT_LIST_HEAD(&c->buffers); INIT_DELAYED_WORK(&c->work, work);
	c->pix.width = 320; c->pix.height = 180;
	settle(c, &c->pix);
	strscpy(c->v4l2.name, "labcam", sizeof(c->v4l2.name));	/* no driver is bound, whose name it would take */
	if (v4l2_device_register(&parent->dev, &c->v4l2)) goto free;
	q = &c->queue;
	q->type = mplane ? V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE : V4L2_BUF_TYPE_VIDEO_CAPTURE; q->io_modes = VB2_MMAP | VB2_DMABUF; q->drv_priv = c; q->ops = &qops;
	q->mem_ops = &vb2_vmalloc_memops; q->buf_struct_size = sizeof(struct buffer); q->lock = &c->lock;
	q->timestamp_flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC; q->dev = &parent->dev;
	if (vb2_queue_init(q)) goto unregister;
	strscpy(c->vdev.name, "lab camera", sizeof(c->vdev.name));
	c->vdev.v4l2_dev = &c->v4l2; c->vdev.queue = q; c->vdev.lock = &c->lock; c->vdev.fops = &fops; c->vdev.ioctl_ops = &ioctls;
	c->vdev.release = video_device_release_empty;
	c->vdev.device_caps = (mplane ? V4L2_CAP_VIDEO_CAPTURE_MPLANE : V4L2_CAP_VIDEO_CAPTURE) | V4L2_CAP_STREAMING;
	video_set_drvdata(&c->vdev, c);
	if (!video_register_device(&c->vdev, VFL_TYPE_VIDEO, video_nr + number)) return c;
unregister:
	v4l2_device_unregister(&c->v4l2);
free:
	kfree(c);
	return NULL;
}
static void leave(void)
{
	int i;
	for (i = 0; i < NODES; i++) remove(cams[i]);
	platform_device_unregister(parent);
}
static int __init enter(void)
{
	int i;
	parent = platform_device_register_simple("labcam", -1, NULL, 0);
	if (IS_ERR(parent)) return PTR_ERR(parent);
	dma_coerce_mask_and_coherent(&parent->dev, DMA_BIT_MASK(32));
	for (i = 0; i < NODES; i++) {
		cams[i] = add(i);
		if (!cams[i]) { leave(); return -ENODEV; }
	}
	return 0;
}
module_init(enter);
module_exit(leave);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("cameras whose driver answers otherwise than it was asked, for tests");
