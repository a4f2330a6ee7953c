// dicom_shim.cpp: GDCM behind a C door. No exception leaves; every size from a file is bounded before memory is asked for.
#include "io/dicom_shim.h"

#include <gdcmAttribute.h>
#include <gdcmDataSet.h>
#include <gdcmImageApplyLookupTable.h>
#include <gdcmImageChangePhotometricInterpretation.h>
#include <gdcmImageChangePlanarConfiguration.h>
#include <gdcmImageChangeTransferSyntax.h>
#include <gdcmImageReader.h>
#include <gdcmReader.h>
#include <gdcmSequenceOfItems.h>
#include <gdcmTrace.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <vector>

enum dicom_result dicom_seg_build(const struct dicom_seg *seg, char message[256]);   // dicom_seg.cpp

namespace
{

const uint32_t MOST_FRAMES = 100000, MOST_SIDE = 32768;
const uint64_t MOST_BYTES = uint64_t(1) << 32;
const size_t MOST_NAMES = size_t(1) << 23;

enum dicom_result say(char message[256], enum dicom_result result, const char *text)
{
    std::snprintf(message, 256, "%s", text);
    return result;
}

void silence()
{
    gdcm::Trace::SetDebug(false);
    gdcm::Trace::SetWarning(false);
    gdcm::Trace::SetError(false);
}

// A text value without the padding; "" when it is absent.
std::string text(const gdcm::DataSet &set, uint16_t group, uint16_t element)
{
    const gdcm::Tag tag(group, element);
    if (!set.FindDataElement(tag))
        return "";
    const gdcm::ByteValue *value = set.GetDataElement(tag).GetByteValue();
    if (!value || value->GetLength() > 1u << 16)
        return "";
    std::string out(value->GetPointer(), value->GetLength());
    while (!out.empty() && (out.back() == ' ' || out.back() == '\0'))
        out.pop_back();
    out.erase(0, out.find_first_not_of(' ') == std::string::npos ? 0 : out.find_first_not_of(' '));
    return out;
}

template <size_t size> void copy_text(char (&out)[size], const std::string &from)
{
    std::memset(out, 0, size);
    for (size_t i = 0; i + 1 < size && i < from.size(); i++)
        out[i] = from[i] >= 0x20 && from[i] < 0x7f ? from[i] : '?';
}

// Decimal strings separated by backslashes.
size_t numbers(const std::string &from, double *out, size_t limit)
{
    size_t count = 0;
    for (const char *at = from.c_str(); *at && count < limit;) {
        char *end;
        const double value = std::strtod(at, &end);
        if (end == at || !std::isfinite(value))
            return 0;
        out[count++] = value;
        at = end;
        while (*at == ' ')
            at++;
        if (*at == '\\')
            at++;
        else if (*at)
            return 0;
    }
    return count;
}

bool number(const gdcm::DataSet &set, uint16_t group, uint16_t element, double *out)
{
    return numbers(text(set, group, element), out, 1) == 1;
}

uint32_t word(const gdcm::DataSet &set, uint16_t group, uint16_t element)
{
    const gdcm::Tag tag(group, element);
    const gdcm::ByteValue *value = set.FindDataElement(tag) ? set.GetDataElement(tag).GetByteValue() : nullptr;
    if (!value || value->GetLength() < 2)
        return 0;
    uint16_t out;
    std::memcpy(&out, value->GetPointer(), 2);
    return out;
}

// The first item of a sequence; nullptr when there is none.
const gdcm::DataSet *item(const gdcm::DataSet &set, uint16_t group, uint16_t element, size_t index = 1)
{
    const gdcm::Tag tag(group, element);
    if (!set.FindDataElement(tag))
        return nullptr;
    const gdcm::SmartPointer<gdcm::SequenceOfItems> sequence = set.GetDataElement(tag).GetValueAsSQ();
    if (!sequence || sequence->GetNumberOfItems() < index)
        return nullptr;
    return &sequence->GetItem(index).GetNestedDataSet();
}

void read_orientation(const gdcm::DataSet &set, struct dicom_file *out)
{
    double values[6];
    if (numbers(text(set, 0x0020, 0x0037), values, 6) != 6)
        return;
    double square[2] = { 0, 0 }, dot = 0;
    for (int i = 0; i < 3; i++) {
        square[0] += values[i] * values[i];
        square[1] += values[i + 3] * values[i + 3];
        dot += values[i] * values[i + 3];
    }
    if (!(std::fabs(square[0] - 1) < 1e-2 && std::fabs(square[1] - 1) < 1e-2 && std::fabs(dot) < 1e-2))
        return;
    std::memcpy(out->row_direction, values, sizeof out->row_direction);
    std::memcpy(out->column_direction, values + 3, sizeof out->column_direction);
    out->has_orientation = 1;
}

void read_measures(const gdcm::DataSet &set, struct dicom_file *out)
{
    double spacing[2];
    if (numbers(text(set, 0x0028, 0x0030), spacing, 2) == 2 && spacing[0] > 1e-6 && spacing[1] > 1e-6 && spacing[0] < 1e6 &&
        spacing[1] < 1e6) {
        out->spacing[0] = spacing[1];   // PixelSpacing is between rows first, then between columns
        out->spacing[1] = spacing[0];
    }
    double value;
    if (number(set, 0x0018, 0x0088, &value) || number(set, 0x0018, 0x0050, &value))
        out->thickness = value > 1e-6 && value < 1e6 ? value : 0;
}

void read_place(const gdcm::DataSet &set, struct dicom_frame *out)
{
    double values[3];
    if (numbers(text(set, 0x0020, 0x0032), values, 3) != 3)
        return;
    std::memcpy(out->position, values, sizeof out->position);
    out->has_position = 1;
}

void read_scale(const gdcm::DataSet &set, struct dicom_frame *out)
{
    double slope, inter;
    if (number(set, 0x0028, 0x1053, &slope) && number(set, 0x0028, 0x1052, &inter) && slope != 0) {
        out->slope = slope;
        out->inter = inter;
    }
}

// One item of the functional groups of an enhanced object: what all frames share, or what one has.
void read_groups(const gdcm::DataSet &group, struct dicom_file *file, struct dicom_frame *frame)
{
    if (const gdcm::DataSet *set = item(group, 0x0020, 0x9116))
        read_orientation(*set, file);
    if (const gdcm::DataSet *set = item(group, 0x0028, 0x9110))
        read_measures(*set, file);
    if (const gdcm::DataSet *set = item(group, 0x0020, 0x9113))
        read_place(*set, frame);
    if (const gdcm::DataSet *set = item(group, 0x0028, 0x9145))
        read_scale(*set, frame);
}

enum dicom_result read_frames(const gdcm::DataSet &set, struct dicom_file *out, char message[256])
{
    double frames = 1;
    if (set.FindDataElement(gdcm::Tag(0x0028, 0x0008)) && !number(set, 0x0028, 0x0008, &frames))
        frames = 1;
    if (!(frames >= 1 && frames <= MOST_FRAMES))
        return say(message, DICOM_BROKEN, "its number of frames makes no sense");
    out->frame_count = uint32_t(frames);
    out->frames = static_cast<struct dicom_frame *>(std::calloc(out->frame_count, sizeof *out->frames));
    if (!out->frames)
        return say(message, DICOM_MEMORY, "no memory for its frames");
    struct dicom_frame shared = { { 0, 0, 0 }, 1, 0, 0 };
    read_place(set, &shared);
    read_scale(set, &shared);
    if (const gdcm::DataSet *group = item(set, 0x5200, 0x9229))
        read_groups(*group, out, &shared);
    if (out->frame_count > 1 && !set.FindDataElement(gdcm::Tag(0x5200, 0x9230)))
        shared.has_position = 0;        // one position for many frames is none
    for (uint32_t i = 0; i < out->frame_count; i++) {
        out->frames[i] = shared;
        if (const gdcm::DataSet *group = item(set, 0x5200, 0x9230, i + 1))
            read_groups(*group, out, &out->frames[i]);
    }
    return DICOM_OK;
}

enum dicom_result read_header(const char *path, struct dicom_file *out, char message[256])
{
    gdcm::Reader reader;
    reader.SetFileName(path);
    if (!reader.ReadUpToTag(gdcm::Tag(0x7fe0, 0x0010)))
        return say(message, DICOM_NONE, "it is no DICOM file");
    const gdcm::DataSet &set = reader.GetFile().GetDataSet();
    copy_text(out->series, text(set, 0x0020, 0x000e));
    copy_text(out->instance, text(set, 0x0008, 0x0018));
    copy_text(out->sop_class, text(set, 0x0008, 0x0016));
    copy_text(out->frame_of_reference, text(set, 0x0020, 0x0052));
    copy_text(out->modality, text(set, 0x0008, 0x0060));
    double value;
    out->series_number = number(set, 0x0020, 0x0011, &value) && std::fabs(value) < 2e9 ? int32_t(value) : 0;
    out->instance_number = number(set, 0x0020, 0x0013, &value) && std::fabs(value) < 2e9 ? int32_t(value) : 0;
    out->rows = word(set, 0x0028, 0x0010);
    out->columns = word(set, 0x0028, 0x0011);
    out->has_pixels = out->rows > 0 && out->columns > 0 && out->rows <= MOST_SIDE && out->columns <= MOST_SIDE;
    if (!out->has_pixels)
        return DICOM_OK;
    read_orientation(set, out);
    read_measures(set, out);
    return read_frames(set, out, message);
}

enum dicom_result read_names(const char *path, char **names, size_t *size, char message[256])
{
    gdcm::Reader reader;
    reader.SetFileName(path);
    if (!reader.Read())
        return say(message, DICOM_BROKEN, "this DICOMDIR is damaged");
    const gdcm::Tag records(0x0004, 0x1220);
    const gdcm::DataSet &set = reader.GetFile().GetDataSet();
    const gdcm::SmartPointer<gdcm::SequenceOfItems> list =
        set.FindDataElement(records) ? set.GetDataElement(records).GetValueAsSQ() : nullptr;
    std::string all;
    for (size_t i = 1; list && i <= list->GetNumberOfItems() && all.size() < MOST_NAMES; i++) {
        const gdcm::DataSet &record = list->GetItem(i).GetNestedDataSet();
        const std::string name = text(record, 0x0004, 0x1500);
        if (text(record, 0x0004, 0x1430) == "IMAGE" && !name.empty() && name.find('\0') == std::string::npos)
            all.append(name.c_str(), name.size() + 1);
    }
    if (all.empty())
        return say(message, DICOM_BROKEN, "this DICOMDIR lists no image");
    *names = static_cast<char *>(std::malloc(all.size()));
    if (!*names)
        return say(message, DICOM_MEMORY, "no memory for the names in it");
    std::memcpy(*names, all.data(), all.size());
    *size = all.size();
    return DICOM_OK;
}

// ---- pixels ----

template <typename value> void clean(void *data, size_t count, unsigned bits, bool is_signed, bool is_inverted)
{
    value *at = static_cast<value *>(data);
    const unsigned all = 8 * sizeof(value);
    const uint32_t mask = bits >= 32 ? 0xffffffffu : (1u << bits) - 1u;
    for (size_t i = 0; i < count; i++) {
        uint32_t v = uint32_t(at[i]) & mask;
        if (is_inverted)
            v = ~v & mask;      // for signed values, too: -1 - v
        if (is_signed && bits < all && (v >> (bits - 1) & 1))
            v |= ~mask;
        at[i] = value(v);
    }
}

template <typename filter> bool change(filter &f, const gdcm::Pixmap &in)
{
    f.SetInput(in);
    return f.Change();
}

enum dicom_result take(const gdcm::Pixmap &image, struct dicom_pixels *out, char message[256])
{
    const gdcm::PixelFormat &format = image.GetPixelFormat();
    const uint64_t length = image.GetBufferLength();
    const unsigned allocated = format.GetBitsAllocated(), stored = format.GetBitsStored(), samples = format.GetSamplesPerPixel();
    if (length == 0 || length > MOST_BYTES)
        return say(message, DICOM_UNSUPPORTED, "its pixels take more than 4 GiB, or none");
    if ((allocated != 8 && allocated != 16) || stored < 1 || stored > allocated || (samples != 1 && samples != 3) ||
        (samples == 3 && allocated != 8))
        return say(message, DICOM_UNSUPPORTED, "its pixels are neither grey of 8 or 16 bits nor colour of 8; convert it with gdcmconv "
                                               "or dcm2niix");
    out->values = std::calloc(size_t(length), 1);
    if (!out->values)
        return say(message, DICOM_MEMORY, "no memory for its pixels");
    if (!image.GetBuffer(static_cast<char *>(out->values)))
        return say(message, DICOM_BROKEN, "its pixels cannot be decoded: the file is damaged, or its compression is unknown");
    out->size = size_t(length);
    out->bytes = int(allocated / 8);
    out->is_signed = format.GetPixelRepresentation() == 1;
    out->channels = int(samples);
    out->is_inverted = image.GetPhotometricInterpretation() == gdcm::PhotometricInterpretation::MONOCHROME1;
    if (samples == 1 && out->bytes == 1)
        clean<uint8_t>(out->values, out->size, stored, out->is_signed, out->is_inverted);
    else if (samples == 1)
        clean<uint16_t>(out->values, out->size / 2, stored, out->is_signed, out->is_inverted);
    return DICOM_OK;
}

enum dicom_result to_colour(const gdcm::Image &image, struct dicom_pixels *out, char message[256])
{
    const gdcm::PhotometricInterpretation kind = image.GetPhotometricInterpretation();
    if (kind == gdcm::PhotometricInterpretation::PALETTE_COLOR) {
        gdcm::ImageApplyLookupTable filter;
        filter.SetInput(image);
        if (!filter.Apply())
            return say(message, DICOM_BROKEN, "its palette cannot be applied");
        return take(filter.GetOutput(), out, message);
    }
    gdcm::ImageChangeTransferSyntax plain;      // JPEG's own colours become RGB here
    plain.SetTransferSyntax(gdcm::TransferSyntax::ExplicitVRLittleEndian);
    if (!change(plain, image))
        return say(message, DICOM_BROKEN, "its pixels cannot be decoded: the file is damaged, or its compression is unknown");
    gdcm::ImageChangePlanarConfiguration planes;
    planes.SetPlanarConfiguration(0);
    if (!change(planes, plain.GetOutput()))
        return say(message, DICOM_BROKEN, "its colours cannot be put in order");
    const gdcm::PhotometricInterpretation now = planes.GetOutput().GetPhotometricInterpretation();
    if (now == gdcm::PhotometricInterpretation::RGB || now == gdcm::PhotometricInterpretation::YBR_RCT ||
        now == gdcm::PhotometricInterpretation::YBR_ICT)
        return take(planes.GetOutput(), out, message);
    gdcm::ImageChangePhotometricInterpretation colours;
    colours.SetPhotometricInterpretation(gdcm::PhotometricInterpretation::RGB);
    if (!change(colours, planes.GetOutput()))
        return say(message, DICOM_UNSUPPORTED, "its colours are neither grey, palette, RGB nor YBR");
    return take(colours.GetOutput(), out, message);
}

// Where the values of a plain PixelData element of `length` bytes begin; 0 when there is no such element. GDCM does not tell,
// and fills what was cut off with zeros.
uint64_t find_values(std::FILE *file, uint32_t length, bool is_big)
{
    unsigned char tag[4] = { 0xe0, 0x7f, 0x10, 0x00 }, size[4];
    for (int i = 0; i < 4; i++)
        size[i] = uint8_t(length >> (is_big ? 8 * (3 - i) : 8 * i));
    if (is_big)
        std::memcpy(tag, "\x7f\xe0\x00\x10", 4);
    std::vector<unsigned char> chunk(1 << 20);
    uint64_t begin = 0;
    for (size_t kept = 0;;) {
        const size_t got = std::fread(chunk.data() + kept, 1, chunk.size() - kept, file), there = kept + got;
        for (size_t at = 0; at + 12 <= there; at++) {
            if (std::memcmp(chunk.data() + at, tag, 4) != 0)
                continue;
            if (std::memcmp(chunk.data() + at + 4, size, 4) == 0)
                return begin + at + 8;
            if (chunk[at + 4] == 'O' && std::memcmp(chunk.data() + at + 8, size, 4) == 0)
                return begin + at + 12;
        }
        if (got == 0)
            return 0;
        kept = there < 11 ? there : 11;
        std::memmove(chunk.data(), chunk.data() + there - kept, kept);
        begin += there - kept;
    }
}

// No compression of ours packs pixels more than two thousandfold; plain pixels must all be in the file.
bool can_hold(const char *path, const gdcm::ImageReader &reader)
{
    const gdcm::Image &image = reader.GetImage();
    const gdcm::TransferSyntax &syntax = image.GetTransferSyntax();
    const gdcm::DataSet &set = reader.GetFile().GetDataSet();
    const gdcm::Tag tag(0x7fe0, 0x0010);
    const uint64_t length = image.GetBufferLength();
    std::FILE *file = std::fopen(path, "rb");
    if (!file)
        return false;
    std::fseek(file, 0, SEEK_END);
    const uint64_t size = uint64_t(std::ftell(file));
    std::rewind(file);
    bool is_whole = length <= size * 2000 + (1u << 24);
    if (!syntax.IsEncapsulated() && syntax != gdcm::TransferSyntax::DeflatedExplicitVRLittleEndian) {
        const gdcm::ByteValue *values = set.FindDataElement(tag) ? set.GetDataElement(tag).GetByteValue() : nullptr;
        const uint32_t held = values ? uint32_t(values->GetLength()) : 0;
        const uint64_t at = length <= held ? find_values(file, held, syntax == gdcm::TransferSyntax::ExplicitVRBigEndian) : 0;
        is_whole = at > 0 && at + held <= size;
    }
    std::fclose(file);
    return is_whole;
}

// Sizes are looked at before memory is asked for by them.
enum dicom_result read_pixels(const char *path, struct dicom_pixels *out, char message[256])
{
    gdcm::ImageReader reader;
    reader.SetFileName(path);
    if (!reader.Read())
        return say(message, DICOM_BROKEN, "its pixels cannot be read: the file is damaged or holds no image");
    const gdcm::Image &image = reader.GetImage();
    if (!can_hold(path, reader))
        return say(message, DICOM_BROKEN, "it was cut off: the pixels it claims are not all in it");
    if (image.GetPixelFormat().GetSamplesPerPixel() == 3 ||
        image.GetPhotometricInterpretation() == gdcm::PhotometricInterpretation::PALETTE_COLOR)
        return to_colour(image, out, message);
    return take(image, out, message);
}

template <typename work> enum dicom_result guarded(char message[256], work &&run)
{
    message[0] = '\0';
    silence();
    try {
        return run();
    } catch (const std::bad_alloc &) {
        return say(message, DICOM_MEMORY, "out of memory");
    } catch (const std::exception &) {
        return say(message, DICOM_BROKEN, "it is damaged");
    } catch (...) {
        return say(message, DICOM_BROKEN, "it is damaged");
    }
}

} // namespace

extern "C" enum dicom_result dicom_write_seg(const struct dicom_seg *seg, char message[256])
{
    return guarded(message, [&] { return dicom_seg_build(seg, message); });
}

extern "C" enum dicom_result dicom_read_header(const char *path, struct dicom_file *out, char message[256])
{
    std::memset(out, 0, sizeof *out);
    return guarded(message, [&] { return read_header(path, out, message); });
}

extern "C" enum dicom_result dicom_read_names(const char *path, char **names, size_t *size, char message[256])
{
    return guarded(message, [&] { return read_names(path, names, size, message); });
}

extern "C" void dicom_file_free(struct dicom_file *file)
{
    std::free(file->frames);
    file->frames = nullptr;
}

extern "C" enum dicom_result dicom_read_pixels(const char *path, struct dicom_pixels *out, char message[256])
{
    std::memset(out, 0, sizeof *out);
    const enum dicom_result result = guarded(message, [&] { return read_pixels(path, out, message); });
    if (result != DICOM_OK)
        dicom_pixels_free(out);
    return result;
}

extern "C" void dicom_pixels_free(struct dicom_pixels *pixels)
{
    std::free(pixels->values);
    pixels->values = nullptr;
}
